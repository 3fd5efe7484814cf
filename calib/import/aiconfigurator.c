/* aiconfigurator: files of kernel times of one device, several dtypes in each.
 *
 *   framework,version,device,op_name,kernel_source, then columns by kind, then latency in ms
 *
 * The kind of a file is known by one column; `kinds` below has them. What it has and the import
 * leaves out is counted by reason and told in the note. Files stand in folders by system,
 * operation, backend and version in any order, as .csv, .csv.gz or .txt of the same form.
 */
#include "aiconfigurator.h"

#include <string.h>

static gboolean
read_absorbed(Aiconfigurator *reader, GError **error)
{
  while (aiconfigurator_next(reader))
    aiconfigurator_leave_out(reader, "products absorbed into latent attention (the model's product "
                                     "of the latent vector stands for them)");
  return csv_table_finish(reader->table, error);
}

/* Kernels of expert parallelism over many nodes have the columns and operations of the ordinary
 * ones. */
static gboolean
read_wide(Aiconfigurator *reader, GError **error)
{
  while (aiconfigurator_next(reader)) {
    g_autofree char *reason =
        g_strdup_printf("the operation %s of expert parallelism over many nodes, which no cost "
                        "asks for",
                        aiconfigurator_text(reader->table, "op_name"));
    aiconfigurator_leave_out(reader, reason);
  }
  return csv_table_finish(reader->table, error);
}

/* What a table holds: known by two columns that a kind alone has, in this order. */
typedef struct {
  const char *columns[2];
  const char *operations[AICONFIGURATOR_OPERATIONS]; /* that are read, NULL after the last */
  gboolean (*read)(Aiconfigurator *reader, GError **error);
} Kind;

static const Kind kinds[] = {
    {{"gemm_dtype", "n"}, {"gemm"}, aiconfigurator_read_gemm},
    {{"quant_dtype", "k"}, {"compute_scale", "scale_matrix"}, aiconfigurator_read_quantize},
    {{"attn_dtype", "num_key_value_heads"},
     {"context_attention", "generation_attention"},
     aiconfigurator_read_attention},
    {{"mla_dtype", "kv_cache_dtype"},
     {"mla_context", "mla_generation", "mla_context_module", "mla_generation_module",
      "dsa_context_module", "dsa_generation_module",
      "dsa_context_module" AICONFIGURATOR_SKIPS_INDEXER,
      "dsa_generation_module" AICONFIGURATOR_SKIPS_INDEXER, "msa_context_module",
      "msa_generation_module"},
     aiconfigurator_read_mla},
    {{"bmm_dtype", "num_heads"}, {NULL}, read_absorbed},
    {{"nccl_dtype", "message_size"}, {"all_reduce"}, aiconfigurator_read_collectives},
    {{"allreduce_dtype", "message_size"}, {"all_reduce"}, aiconfigurator_read_collectives},
    {{"moe_dtype", "inter_size"}, {"moe"}, aiconfigurator_read_moe},
    {{"phase", "d_conv"}, {"mamba2", "gdn", "kda"}, aiconfigurator_read_recurrent},
};

static gboolean
is_read_elsewhere(const char *operation)
{
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (g_strv_contains(kinds[i].operations, operation))
      return TRUE;
  return FALSE;
}

/* A table without the columns of any kind: of operations that no cost asks for, or of one that is
 * read, in a form that is not known. */
static gboolean
read_unknown(Aiconfigurator *reader, GError **error)
{
  int op = csv_table_need(reader->table, "op_name");

  while (aiconfigurator_next(reader)) {
    if (is_read_elsewhere(csv_table_text(reader->table, op)))
      csv_table_fail(reader->table, op, "another, as the header has not the columns of this one");
    else
      aiconfigurator_leave_out_operation(reader);
  }
  return csv_table_finish(reader->table, error);
}

static gboolean
takes(const char *path)
{
  static const char *const columns[] = {"framework", "version", "device",
                                        "op_name",   "latency", NULL};

  return import_header_has(path, columns);
}

static char *
file_gpu(const char *path)
{
  return import_first_text(path, "device");
}

/* NCCL's table is of a library, which all engines call. */
static gboolean
is_of_library(const char *path)
{
  static const char *const nccl[] = {"nccl_dtype", NULL};

  return import_header_has(path, nccl);
}

/* "vLLM 0.19.0". Caller frees. */
static char *
engine_name(const char *framework, const char *version)
{
  return g_strdup_printf("%s %s", g_ascii_strcasecmp(framework, "vllm") == 0 ? "vLLM" : framework,
                         version);
}

static char **
file_engines(const char *path)
{
  g_autoptr(CsvTable) table = is_of_library(path) ? NULL : csv_table_open(path, NULL);
  g_autoptr(GPtrArray) engines = g_ptr_array_new();
  int framework = table != NULL ? csv_table_column(table, "framework") : -1;
  int version = table != NULL ? csv_table_column(table, "version") : -1;

  while (framework >= 0 && version >= 0 && csv_table_next(table)) {
    char *engine = engine_name(csv_table_text(table, framework), csv_table_text(table, version));
    if (g_ptr_array_find_with_equal_func(engines, engine, g_str_equal, NULL))
      g_free(engine);
    else
      g_ptr_array_add(engines, engine);
  }
  g_ptr_array_add(engines, NULL);
  return (char **)g_ptr_array_free(g_steal_pointer(&engines), FALSE);
}

static char *
file_library(const char *path)
{
  return is_of_library(path) ? import_first_text(path, "version") : g_strdup("");
}

/* The engine of the rows that are meant: the first of the file's that fits. Caller frees. */
static char *
meant_engine(const Aiconfigurator *reader, const char *path)
{
  g_autofree char *framework = import_first_text(path, "framework");
  g_autofree char *version = import_first_text(path, "version");
  g_auto(GStrv) engines = reader->engine != NULL ? file_engines(path) : NULL;

  for (char **engine = engines; engine != NULL && *engine != NULL; engine++)
    if (import_is_engine(*engine, reader->engine))
      return g_strdup(*engine);
  return engine_name(framework, version);
}

static void
add_origin(Aiconfigurator *reader, const char *path, const char *gpu)
{
  g_autofree char *source = import_source("aiconfigurator", path);
  g_autofree char *engine = meant_engine(reader, path);
  const ProfileOrigin origin = {
      .source = source,
      .measured_device = gpu,
      .engine = engine,
  };

  reader->origin = profile_add_origin(reader->profile, &origin);
}

/* "12 rows of FILE were left out: 10 all_gather, …; 2 …". */
static void
tell_left_out(Aiconfigurator *reader, const char *name)
{
  g_autoptr(GList) reasons =
      g_list_sort(g_hash_table_get_keys(reader->left_out), (GCompareFunc)strcmp);
  g_autoptr(GString) text = g_string_new(NULL);
  guint all = 0;

  for (GList *reason = reasons; reason != NULL; reason = reason->next) {
    guint rows = GPOINTER_TO_UINT(g_hash_table_lookup(reader->left_out, reason->data));
    all += rows;
    g_string_append_printf(text, "%s%u of %s", text->len > 0 ? "; " : "", rows,
                           (const char *)reason->data);
  }
  if (all > 0)
    profile_add_note(reader->profile, "%u rows of %s were left out: %s.", all, name, text->str);
}

/* By its columns; NULL: none. */
static const Kind *
find_kind(const CsvTable *table)
{
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (csv_table_column(table, kinds[i].columns[0]) >= 0 &&
        csv_table_column(table, kinds[i].columns[1]) >= 0)
      return &kinds[i];
  return NULL;
}

static gboolean
read_rows(Aiconfigurator *reader, const char *path, const char *gpu, GError **error)
{
  static const Kind unknown = {.read = read_unknown}, wide = {.read = read_wide};
  g_autofree char *name = g_path_get_basename(path);
  const Kind *kind = g_str_has_prefix(name, "wideep") ? &wide : find_kind(reader->table);

  if (kind == NULL)
    kind = &unknown;
  add_origin(reader, path, gpu);
  aiconfigurator_begin(reader, kind->operations);
  if (!kind->read(reader, error))
    return FALSE;
  import_merge_repeats(reader->profile, reader->first);
  aiconfigurator_derive_cached(reader);
  tell_left_out(reader, name);
  return TRUE;
}

static gboolean
read_file(Profile *profile, const char *path, const char *gpu, const char *engine, GError **error)
{
  g_autoptr(CsvTable) table = csv_table_open(path, error);
  g_autoptr(GHashTable) left_out = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GArray) unknown = g_array_new(FALSE, FALSE, sizeof(int));
  Aiconfigurator reader = {.profile = profile,
                           .table = table,
                           .first = profile->samples->len,
                           .left_out = left_out,
                           .engine = is_of_library(path) ? NULL : engine,
                           .unknown = unknown};
  gboolean is_read = table != NULL && read_rows(&reader, path, gpu, error);

  for (guint i = 0; i < AICONFIGURATOR_OF_FILE; i++)
    g_free(reader.values[i]);
  g_strfreev(reader.unknown_values);
  return is_read;
}

/* SYSTEM/BACKEND/VERSION, with OPERATION before or after BACKEND. */
enum { FOLDERS_DEEP = 5 };

static const ImportFiles files = {.takes = takes,
                                  .folders_deep = FOLDERS_DEEP,
                                  .gpu = file_gpu,
                                  .engines = file_engines,
                                  .of_library = file_library,
                                  .read = read_file};

const ProfileImporter profile_importer_aiconfigurator = {
    .name = "aiconfigurator",
    .help = "a file or folder of aiconfigurator: GEMM, attention, MLA, MoE, states, all-reduce",
    .files = &files,
};
