/* The table of importers. */
#include "import.h"

#include "import_csv.h"

G_DEFINE_QUARK(spillway - import - error - quark, import_error)

const ProfileImporter *const profile_importers[] = {&profile_importer_csv, NULL};

const ProfileImporter *
profile_importer_find(const char *name)
{
  for (guint i = 0; profile_importers[i] != NULL; i++)
    if (g_str_equal(profile_importers[i]->name, name))
      return profile_importers[i];
  return NULL;
}

gboolean
profile_import(Profile *profile, const char *path, const char *format, const ImportContext *context,
               GError **error)
{
  const ProfileImporter *importer = NULL;

  if (format != NULL && !g_str_equal(format, "auto"))
    importer = profile_importer_find(format);
  for (guint i = 0; importer == NULL && profile_importers[i] != NULL; i++)
    if (profile_importers[i]->sniff(path))
      importer = profile_importers[i];
  if (importer == NULL) {
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_UNKNOWN, "%s: no table that is known", path);
    return FALSE;
  }
  if (!importer->read(profile, path, context, error))
    return FALSE;
  profile_seal(profile);
  return TRUE;
}
