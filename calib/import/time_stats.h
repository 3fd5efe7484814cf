/* Tables of Vidur's family (Vidur, Frontier): columns
 * time_stats.OPERATION.{min,max,mean,median,std} in ms, then columns of the shape. Names of files
 * tell the device and the model: a100_ORG_MODEL_mlp.csv, or a100/ORG/MODEL/mlp.csv as in Vidur's
 * repository.
 */
#pragma once

#include "common.h"

typedef struct {
  CsvTable *table;
  int min, max, median, std;
} TimeStats;

/* Columns of one operation. FALSE if the table has none of it. */
gboolean time_stats_find(TimeStats *stats, CsvTable *table, const char *operation);
/* Median, p10 and p90 of the present row, in ns: 0 where the operation did not run. p10 and p90 are
 * those of a normal distribution of this std, within min and max. */
void time_stats_read(const TimeStats *stats, ProfileSample *sample);

/* The tensor-parallel degree's column, by either of its names. */
int time_stats_need_ranks(CsvTable *table);

/* The device in a path's names, "" if there is none; the caller frees it. */
char *time_stats_gpu(const char *path);
/* An origin; with the model's name from the path if `model` is NULL. Returns its index. */
guint16 time_stats_add_origin(Profile *profile, const char *importer, const char *path,
                              const char *gpu, const char *model);

/* An attention table, of either source. */
gboolean time_stats_is_attention(const char *path);
gboolean time_stats_read_attention(Profile *profile, const char *importer, const char *path,
                                   const char *gpu, GError **error);
