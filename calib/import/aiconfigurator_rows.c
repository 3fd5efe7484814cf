/* Rows of aiconfigurator's tables: reading one, making a sample of it, counting it as left out. */
#include "aiconfigurator.h"

#include <string.h>

static const char *const of_file[AICONFIGURATOR_OF_FILE] = {"framework", "version", "device"};

void
aiconfigurator_begin(Aiconfigurator *reader)
{
  for (guint i = 0; i < G_N_ELEMENTS(of_file); i++)
    reader->columns[i] = csv_table_need(reader->table, of_file[i]);
}

gboolean
aiconfigurator_next(Aiconfigurator *reader)
{
  CsvTable *table = reader->table;

  if (!csv_table_next(table))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(of_file); i++) {
    const char *text = csv_table_text(table, reader->columns[i]);
    if (reader->values[i] == NULL) {
      reader->values[i] = g_strdup(text);
    } else if (!g_str_equal(reader->values[i], text)) {
      csv_table_fail(table, reader->columns[i], "%s, as in the first row (a file is of one)",
                     reader->values[i]);
      return FALSE;
    }
  }
  return TRUE;
}

void
aiconfigurator_add(Aiconfigurator *reader, OperationKind kind, const char *variant,
                   const char *dtype, const gint64 *shape, double time_ms)
{
  ProfileSample sample = {
      .operation = (guint8)kind,
      .origin = reader->origin,
      .variant = variant,
      .dtype = dtype,
      .kernel = aiconfigurator_text(reader->table, "kernel_source"),
      .median_ns = time_ms * NS_PER_MS,
  };

  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  profile_add(reader->profile, &sample);
}

void
aiconfigurator_leave_out(Aiconfigurator *reader, const char *reason)
{
  guint rows = GPOINTER_TO_UINT(g_hash_table_lookup(reader->left_out, reason));

  g_hash_table_insert(reader->left_out, g_strdup(reason), GUINT_TO_POINTER(rows + 1));
}

const char *
aiconfigurator_text(CsvTable *table, const char *column)
{
  int index = csv_table_column(table, column);

  return index >= 0 ? csv_table_text(table, index) : "";
}

gint64
aiconfigurator_whole(CsvTable *table, const char *column)
{
  int index = csv_table_column(table, column);

  return index >= 0 ? csv_table_whole(table, index, 0) : 0;
}
