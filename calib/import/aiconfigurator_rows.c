/* Rows of aiconfigurator's tables: reading one, making a sample of it, counting it as left out. */
#include "aiconfigurator.h"

#include <string.h>

static const char *const of_file[AICONFIGURATOR_OF_FILE] = {"framework", "version", "device"};

/* Columns of all kinds of tables that are read, and those that say what others do: names of the
 * model and of the kernel's implementation, and what the card drew. */
static const char *const known_columns[] = {
    "framework",     "version",
    "device",        "op_name",
    "kernel_source", "latency",
    "gemm_dtype",    "m",
    "n",             "k",
    "quant_dtype",   "batch_size",
    "isl",           "step",
    "num_heads",     "num_key_value_heads",
    "head_dim",      "window_size",
    "beam_width",    "attn_dtype",
    "tp_size",       "kv_cache_dtype",
    "mla_dtype",     "gemm_type",
    "model",         "architecture",
    "bmm_dtype",     "nccl_dtype",
    "num_gpus",      "message_size",
    "moe_dtype",     "allreduce_dtype",
    "num_tokens",    "hidden_size",
    "inter_size",    "topk",
    "num_experts",   "moe_tp_size",
    "moe_ep_size",   "distribution",
    "phase",         "seq_len",
    "d_model",       "d_conv",
    "d_state",       "nheads",
    "n_groups",      "chunk_size",
    "num_k_heads",   "head_k_dim",
    "num_v_heads",   "head_v_dim",
    "model_name",    "backend",
    "power",         "implementation",
    "power_limit",   NULL,
};

void
aiconfigurator_begin(Aiconfigurator *reader, const char *const *operations_read)
{
  reader->operations = operations_read;
  for (guint i = 0; i < G_N_ELEMENTS(of_file); i++)
    reader->columns[i] = csv_table_need(reader->table, of_file[i]);
  for (int i = 0; i < (int)csv_table_n_columns(reader->table); i++)
    if (!g_strv_contains(known_columns, csv_table_name(reader->table, i)))
      g_array_append_val(reader->unknown, i);
}

/* Whether the row is of the engine that is asked for. */
static gboolean
is_of_engine(const Aiconfigurator *reader)
{
  g_autofree char *engine = NULL;

  if (reader->engine == NULL)
    return TRUE;
  engine = g_strdup_printf("%s %s",
                           csv_table_text(reader->table, reader->columns[AICONFIGURATOR_FRAMEWORK]),
                           csv_table_text(reader->table, reader->columns[AICONFIGURATOR_VERSION]));
  return import_is_engine(engine, reader->engine);
}

static gboolean
is_read(const Aiconfigurator *reader)
{
  return reader->operations[0] == NULL ||
         g_strv_contains(reader->operations, aiconfigurator_text(reader->table, "op_name"));
}

static gboolean
check_unknown(Aiconfigurator *reader)
{
  const int *columns = (const int *)(gconstpointer)reader->unknown->data;
  guint n = reader->unknown->len;

  if (reader->unknown_values == NULL) {
    reader->unknown_values = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++)
      reader->unknown_values[i] = g_strdup(csv_table_text(reader->table, columns[i]));
  }
  for (guint i = 0; i < n; i++)
    if (!g_str_equal(csv_table_text(reader->table, columns[i]), reader->unknown_values[i])) {
      csv_table_fail(reader->table, columns[i],
                     "\"%s\", as in the first row, of a column that is not known",
                     reader->unknown_values[i]);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_origin(Aiconfigurator *reader)
{
  for (guint i = 0; i < G_N_ELEMENTS(of_file); i++) {
    const char *text = csv_table_text(reader->table, reader->columns[i]);
    if (reader->values[i] == NULL) {
      reader->values[i] = g_strdup(text);
    } else if (!g_str_equal(reader->values[i], text)) {
      csv_table_fail(reader->table, reader->columns[i],
                     "%s, as in the first row (a profile takes an operation from one%s)",
                     reader->values[i], i == AICONFIGURATOR_DEVICE ? "" : "; --engine says which");
      return FALSE;
    }
  }
  return TRUE;
}

static void
leave_out_version(Aiconfigurator *reader)
{
  g_autofree char *reason = g_strdup_printf(
      "the version %s, where %s is asked for",
      csv_table_text(reader->table, reader->columns[AICONFIGURATOR_VERSION]), reader->engine);

  aiconfigurator_leave_out(reader, reason);
}

gboolean
aiconfigurator_next(Aiconfigurator *reader)
{
  while (csv_table_next(reader->table) && csv_table_ok(reader->table)) {
    if (!is_of_engine(reader)) {
      leave_out_version(reader);
      continue;
    }
    if (!check_origin(reader))
      return FALSE;
    if (is_read(reader))
      return TRUE;
    aiconfigurator_leave_out_operation(reader);
  }
  return FALSE;
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

  if (!check_unknown(reader))
    return;
  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  profile_add(reader->profile, &sample);
}

void
aiconfigurator_leave_out(Aiconfigurator *reader, const char *reason)
{
  guint rows = GPOINTER_TO_UINT(g_hash_table_lookup(reader->left_out, reason));

  g_hash_table_insert(reader->left_out, g_strdup(reason), GUINT_TO_POINTER(rows + 1));
}

void
aiconfigurator_leave_out_operation(Aiconfigurator *reader)
{
  g_autofree char *reason = g_strdup_printf("the operation %s, which no cost asks for",
                                            aiconfigurator_text(reader->table, "op_name"));

  aiconfigurator_leave_out(reader, reason);
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
