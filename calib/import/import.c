/* The table of importers, and what is common to all: choosing one, undoing a failed import, and
 * making one sample of rows that measure the same. */
#include "common.h"

#include <string.h>

#define IMPORTER_ENTRY(name) &name,

const ProfileImporter *const profile_importers[] = {PROFILE_IMPORTERS(IMPORTER_ENTRY) NULL};

const ProfileImporter *
profile_importer_find(const char *name)
{
  for (guint i = 0; profile_importers[i] != NULL; i++)
    if (g_str_equal(profile_importers[i]->name, name))
      return profile_importers[i];
  return NULL;
}

static char *
importer_names(void)
{
  g_autoptr(GString) names = g_string_new(NULL);

  for (guint i = 0; profile_importers[i] != NULL; i++)
    g_string_append_printf(names, "%s%s", i > 0 ? ", " : "", profile_importers[i]->name);
  return g_string_free(g_steal_pointer(&names), FALSE);
}

static gboolean
importer_sniffs(const ProfileImporter *importer, const char *path)
{
  return importer->files != NULL ? import_files_sniff(importer->files, path)
                                 : importer->sniff(path);
}

static gboolean
importer_reads(const ProfileImporter *importer, Profile *profile, const char *path,
               const ImportContext *context, GError **error)
{
  return importer->files != NULL
             ? import_files_read(profile, importer->files, path, context->engine, error)
             : importer->read(profile, path, context, error);
}

static const ProfileImporter *
choose(const char *path, const char *format, GError **error)
{
  g_autofree char *names = importer_names(), *unread = NULL;
  const ProfileImporter *importer;

  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE, "%s: there is no such file or folder",
                path);
    return NULL;
  }
  if (format != NULL && !g_str_equal(format, "auto")) {
    importer = profile_importer_find(format);
    if (importer == NULL)
      g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_UNKNOWN,
                  "no import is called \"%s\"; there are %s", format, names);
    return importer;
  }
  for (guint i = 0; profile_importers[i] != NULL; i++)
    if (importer_sniffs(profile_importers[i], path))
      return profile_importers[i];
  unread = import_unread_forms(path);
  if (unread != NULL)
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE, "%s", unread);
  else
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_UNKNOWN,
                "%s: no table that is known; the imports are %s, and a name picks one", path,
                names);
  return NULL;
}

typedef struct {
  char *name, *device, *note;
  guint origins, samples;
} Before;

static void
undo(Profile *profile, Before *before)
{
  g_clear_pointer(&profile->name, g_free);
  g_clear_pointer(&profile->device, g_free);
  g_clear_pointer(&profile->note, g_free);
  profile->name = g_steal_pointer(&before->name);
  profile->device = g_steal_pointer(&before->device);
  profile->note = g_steal_pointer(&before->note);
  g_array_set_size(profile->origins, before->origins);
  g_array_set_size(profile->samples, before->samples);
}

gboolean
profile_import(Profile *profile, const char *path, const char *format, const ImportContext *context,
               GError **error)
{
  static const ImportContext none = {0};
  const ProfileImporter *importer = choose(path, format, error);
  Before before = {
      .name = g_strdup(profile->name),
      .device = g_strdup(profile->device),
      .note = g_strdup(profile->note),
      .origins = profile->origins->len,
      .samples = profile->samples->len,
  };
  gboolean is_read = FALSE;

  if (importer != NULL)
    is_read = importer_reads(importer, profile, path, context != NULL ? context : &none, error);
  if (is_read && profile->samples->len == before.samples) {
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE,
                "%s: no row is of an operation that is known", path);
    is_read = FALSE;
  }
  if (is_read)
    is_read = import_check_origins(profile, before.samples, path, error);
  if (is_read) {
    import_merge_repeats(profile, before.samples);
    profile_seal(profile);
  } else {
    undo(profile, &before);
  }
  g_free(before.name);
  g_free(before.device);
  g_free(before.note);
  return is_read;
}
