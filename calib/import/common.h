/* What importers share. */
#pragma once

#include "csv_table.h"
#include "import.h"

#define NS_PER_US 1e3
#define NS_PER_MS 1e6

/* The table, in the order in which they are tried. */
#define PROFILE_IMPORTERS(ENTRY)                                                                   \
  ENTRY(profile_importer_csv)                                                                      \
  ENTRY(profile_importer_llmservingsim)                                                            \
  ENTRY(profile_importer_aiconfigurator)                                                           \
  ENTRY(profile_importer_vidur)                                                                    \
  ENTRY(profile_importer_frontier)

#define PROFILE_IMPORTER_DECLARE(name) extern const ProfileImporter name;
PROFILE_IMPORTERS(PROFILE_IMPORTER_DECLARE)

/* Sets the profile's device and name where they are "". Adds a sentence to the note if the profile
 * is of another device. `gpu_name` is what the source calls it. */
void import_know_device(Profile *profile, const char *gpu_name);

/* The card that a source's name means: the shipped device, or what is called otherwise and counts
 * as one ("a800" is no a100-80gb). NULL if it is none that is known. */
const char *import_guess_card(const char *gpu_name);

/* Adds a sentence to the note, unless it is there. */
void import_add_note(Profile *profile, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* "bf16", "half", "torch.float16" … as profiles write them; others as they are. */
const char *import_dtype(const char *name);

/* ProfileOrigin.source: the importer and the file's name. The caller frees it. */
char *import_source(const char *importer, const char *path);

/* A text of the first row, "" if there is no such row or column. The caller frees it. */
char *import_first_text(const char *path, const char *column_name);

/* The header's first bytes hold each of these column names (NULL after the last). */
gboolean import_header_has(const char *path, const char *const *names);

gboolean import_files_sniff(const ImportFiles *kind, const char *path);
gboolean import_files_read(Profile *profile, const ImportFiles *kind, const char *path,
                           const char *engine, GError **error);
/* Whether "vLLM 0.19.0" is what is asked for as "vllm-0.19.0"; a version of one's own build
 * ("0.1.dev7+gabc") also without what follows the plus. */
gboolean import_is_engine(const char *engine, const char *asked);

/* What to do about files that hold a table in a form that is not read (parquet, a pointer of Git
 * LFS): at the path, or in a folder there. NULL if there are none. The caller frees it. */
char *import_unread_forms(const char *path);

/* Refuses (IMPORT_ERROR_MIXED) samples from `first` on that name another engine or device than
 * earlier ones of the same operation, variant and dtype: one curve cannot mix two kernels. */
gboolean import_check_origins(const Profile *profile, guint first, const char *path,
                              GError **error);
/* Makes one sample of all with the same key from `first` on. Where they are of several kernels,
 * only those of the kernel with the most samples count: a median over two kernels is the time of
 * neither. */
void import_merge_repeats(Profile *profile, guint first);
