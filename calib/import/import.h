/* Imports: measurements that others published, read into a profile.
 *
 * An importer is one file and one line in profile_importers. `sniff` tells at a glance whether it
 * reads a path (a file, or a folder of several); `read` adds samples, an origin for each file, and
 * sentences to the note about what was derived or left out. Rows that measure one key twice
 * become one sample: the median, with the lowest and highest as p10 and p90.
 *
 * The first import that knows the device sets profile->device, and profile->name after it, where
 * they are "". A folder that holds tables of several devices needs profile->device beforehand and
 * gives those of that device.
 *
 * Errors are CSV_TABLE_ERROR (file:line:column, found, expected), those of opening files, and
 * IMPORT_ERROR.
 */
#pragma once

#include "calib/profile.h"

#include "sim/model.h"

#define IMPORT_ERROR (import_error_quark())
GQuark import_error_quark(void);

typedef enum {
  IMPORT_ERROR_UNKNOWN, /* no importer of that name, or none that reads the path */
  IMPORT_ERROR_FILE,    /* a file is missing or is not what its name says */
  IMPORT_ERROR_MODEL,   /* the model's shape is needed and not known */
  IMPORT_ERROR_DEVICE,  /* tables of several devices */
  IMPORT_ERROR_MIXED,   /* tables of one operation from two engines or two devices */
} ImportError;

/* What an import needs from outside the library. */
typedef struct {
  /* The shape of the model that a source names ("meta-llama/Llama-3.1-8B"); the importer frees it.
   * NULL and an error if it is not known. May be NULL: then none is known. */
  Model *(*find_model)(const char *name, gpointer data, GError **error);
  gpointer data;
  /* Of a folder with tables of several, the engine whose tables are meant: "vllm-0.19.0"; NULL: of
   * all. */
  const char *engine;
} ImportContext;

/* A source that is a file or a folder of files. */
typedef struct {
  gboolean (*takes)(const char *path);
  guint folders_deep;                   /* of a folder, that files are looked for in */
  gboolean (*is_own)(const char *path); /* no other importer takes it; NULL: as takes */
  /* What the file calls the GPU, "" if it does not say; the caller frees it. */
  char *(*gpu)(const char *path);
  /* The engines that its rows are of ("vLLM 0.19.0"), NULL after the last; none, if it is of no
   * engine alone; the caller frees them. NULL: not known of such files. */
  char **(*engines)(const char *path);
  /* The version of the library that a table of no engine is of, "" if it is none; the caller frees
   * it. NULL: there are none such. */
  char *(*of_library)(const char *path);
  /* Only rows of `engine`, as ImportContext has it, if it is not NULL. */
  gboolean (*read)(Profile *profile, const char *path, const char *gpu, const char *engine,
                   GError **error);
} ImportFiles;

typedef struct {
  const char *name;
  const char *help;
  const ImportFiles *files; /* then the hooks are NULL */
  gboolean (*sniff)(const char *path);
  gboolean (*read)(Profile *profile, const char *path, const ImportContext *context,
                   GError **error);
} ProfileImporter;

/* NULL after the last. */
extern const ProfileImporter *const profile_importers[];
const ProfileImporter *profile_importer_find(const char *name);

/* Adds what is at `path` and seals the profile. `format` is an importer's name; NULL and "auto"
 * look for one that reads the path. After an error the profile is as it was. */
gboolean profile_import(Profile *profile, const char *path, const char *format,
                        const ImportContext *context, GError **error);

/* The shipped device that a source's name of a GPU means: "NVIDIA H100 80GB HBM3" is "h100-sxm",
 * "RTXPRO6000" is "rtx-pro-6000". NULL if none is near. */
const char *import_guess_device(const char *gpu_name);
