/* Imports a profile's own text form: what `spillway profile export` wrote, or was written by hand.
 */
#include "common.h"

#include "calib/store/sniff.h"
#include "calib/store/text.h"

static gboolean
sniff(const char *path)
{
  return profile_file_sniff(path) && !profile_store_sniff(path);
}

static gboolean
read_csv(Profile *profile, const char *path, const ImportContext *context G_GNUC_UNUSED,
         GError **error)
{
  return profile_text_read_into(profile, path, error);
}

const ProfileImporter profile_importer_csv = {
    .name = "csv",
    .help = "a profile's text form, as 'spillway profile export' writes it",
    .sniff = sniff,
    .read = read_csv,
};
