/* What the tables of Vidur and Frontier have in common: statistics of timings, and names of files.
 */
#include "time_stats.h"

#include <string.h>

enum { PATH_NAMES_MAX = 4 }; /* how far up a path names are looked at */

static int
find_column(const CsvTable *table, const char *operation, const char *statistic)
{
  g_autofree char *name = g_strdup_printf("time_stats.%s.%s", operation, statistic);

  return csv_table_column(table, name);
}

gboolean
time_stats_find(TimeStats *stats, CsvTable *table, const char *operation)
{
  g_autofree char *median = g_strdup_printf("time_stats.%s.median", operation);

  *stats = (TimeStats){
      .table = table,
      .min = find_column(table, operation, "min"),
      .max = find_column(table, operation, "max"),
      .std = find_column(table, operation, "std"),
  };
  if (stats->min < 0 && stats->max < 0 && csv_table_column(table, median) < 0)
    return FALSE;
  stats->median = csv_table_need(table, median);
  return TRUE;
}

void
time_stats_read(const TimeStats *stats, ProfileSample *sample)
{
  const double sigmas = 1.2815515655446004; /* from the median to p10 and p90 */
  CsvTable *table = stats->table;
  double median = csv_table_number(table, stats->median);
  double min = stats->min >= 0 ? csv_table_number(table, stats->min) : 0;
  double max = stats->max >= 0 ? csv_table_number(table, stats->max) : median;
  double std = stats->std >= 0 ? csv_table_number(table, stats->std) : 0;

  sample->median_ns = median * NS_PER_MS;
  sample->p10_ns = CLAMP(median - sigmas * std, MIN(min, median), median) * NS_PER_MS;
  sample->p90_ns = CLAMP(median + sigmas * std, median, MAX(max, median)) * NS_PER_MS;
}

int
time_stats_need_ranks(CsvTable *table)
{
  int column = csv_table_column(table, "num_tensor_parallel_workers");

  if (column < 0)
    column = csv_table_column(table, "tensor_parallel_degree");
  return column >= 0 ? column : csv_table_need(table, "num_tensor_parallel_workers");
}

/* The names of a path from its end. */
static char **
last_names(const char *path)
{
  g_autofree char *full = g_canonicalize_filename(path, NULL);
  g_autoptr(GPtrArray) names = g_ptr_array_new();

  for (guint i = 0; i < PATH_NAMES_MAX && strlen(full) > 1; i++) {
    char *parent = g_path_get_dirname(full);
    g_ptr_array_add(names, g_path_get_basename(full));
    g_free(full);
    full = parent;
  }
  g_ptr_array_add(names, NULL);
  return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

char *
time_stats_gpu(const char *path)
{
  g_auto(GStrv) names = last_names(path);

  for (guint i = 0; names[i] != NULL; i++)
    if (import_guess_device(names[i]) != NULL) {
      names[i][strcspn(names[i], "_.")] = '\0';
      return g_strdup(names[i]);
    }
  return g_strdup("");
}

/* The model's name from a path. The caller frees it. */
static char *
find_model_name(const char *path, const char *gpu)
{
  g_auto(GStrv) names = last_names(path);
  char *name = names[0] != NULL ? names[0] : NULL, *end;

  if (name != NULL && g_str_has_prefix(name, gpu) && name[strlen(gpu)] == '_') {
    name += strlen(gpu) + 1;
    end = strrchr(name, '_');
    return end != NULL ? g_strndup(name, (gsize)(end - name)) : g_strdup("");
  }
  for (guint i = 3; i > 1; i--)
    if (g_strv_length(names) > i && g_str_has_prefix(names[i], gpu) && *gpu != '\0')
      return i == 3 ? g_strdup_printf("%s/%s", names[2], names[1]) : g_strdup(names[1]);
  return g_strdup("");
}

guint16
time_stats_add_origin(Profile *profile, const char *importer, const char *path, const char *gpu,
                      const char *model)
{
  g_autofree char *source = import_source(importer, path);
  g_autofree char *from_path = find_model_name(path, gpu);
  const ProfileOrigin origin = {
      .source = source,
      .measured_device = gpu,
      .measured_model = model != NULL ? model : from_path,
  };

  return profile_add_origin(profile, &origin);
}
