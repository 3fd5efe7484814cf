/* aiconfigurator: files of kernel times of one device, several dtypes in each.
 *
 *   framework,version,device,op_name,kernel_source, then by kind
 *   gemm_dtype,m,n,k,latency
 *   batch_size,isl,num_heads,num_key_value_heads,head_dim,attn_dtype,kv_cache_dtype,step,latency
 *   nccl_dtype or allreduce_dtype,num_gpus,message_size,latency
 *
 * Latencies are in ms. A decode reads isl + step tokens (1 + 1 to 1 + 16383 as published). A
 * context has `isl` new tokens after `step`, which is 0 in all files seen, so chunks after cached
 * tokens are derived. message_size counts elements: as bytes, NCCL's float16 would reach half the
 * bus bandwidth of its int8, and as elements both reach the links'.
 */
#include "common.h"

#include <string.h>

/* What a file is of as a whole. */
static const char *const of_file[] = {"framework", "version", "device"};

typedef struct {
  Profile *profile;
  CsvTable *table;
  guint first;    /* sample of this file */
  guint left_out; /* rows */
  guint16 origin;
  int columns[G_N_ELEMENTS(of_file)];
  char *values[G_N_ELEMENTS(of_file)]; /* of the first row */
} Reader;

/* The next row, which is of what the first is of: an origin is a file's, and kernels of two
 * versions or two cards are no one table. */
static gboolean
next_row(Reader *reader)
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

static void
add(Reader *reader, OperationKind kind, const char *variant, const char *dtype, const char *kernel,
    const gint64 *shape, double time_ms)
{
  ProfileSample sample = {
      .operation = (guint8)kind,
      .origin = reader->origin,
      .variant = variant,
      .dtype = dtype,
      .kernel = kernel,
      .median_ns = time_ms * NS_PER_MS,
  };

  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  profile_add(reader->profile, &sample);
}

/* A column that not all versions write is empty, or 0, where it is missing. */
static const char *
text_if_there(CsvTable *table, int column)
{
  return column >= 0 ? csv_table_text(table, column) : "";
}

static gboolean
read_gemm(Reader *reader, GError **error)
{
  CsvTable *table = reader->table;
  int dtype = csv_table_need(table, "gemm_dtype"),
      kernel = csv_table_column(table, "kernel_source");
  int m = csv_table_need(table, "m"), n = csv_table_need(table, "n");
  int k = csv_table_need(table, "k"), latency = csv_table_need(table, "latency");

  while (next_row(reader)) {
    const gint64 shape[] = {
        csv_table_whole(table, m, 1),
        csv_table_whole(table, n, 1),
        csv_table_whole(table, k, 1),
    };
    double time_ms = csv_table_time(table, latency);
    if (csv_table_ok(table))
      add(reader, OP_GEMM, "", import_dtype(csv_table_text(table, dtype)),
          text_if_there(table, kernel), shape, time_ms);
  }
  return csv_table_finish(table, error);
}

static gint64
whole_if_there(CsvTable *table, int column)
{
  return column >= 0 ? csv_table_whole(table, column, 0) : 0;
}

static gboolean
read_attention(Reader *reader, GError **error)
{
  CsvTable *table = reader->table;
  int op = csv_table_need(table, "op_name"), kernel = csv_table_column(table, "kernel_source");
  int dtype = csv_table_need(table, "attn_dtype"), kv = csv_table_need(table, "kv_cache_dtype");
  int batch = csv_table_need(table, "batch_size"), isl = csv_table_need(table, "isl");
  int heads = csv_table_need(table, "num_heads"), step = csv_table_need(table, "step");
  int kv_heads = csv_table_need(table, "num_key_value_heads");
  int dim = csv_table_need(table, "head_dim"), latency = csv_table_need(table, "latency");
  int beams = csv_table_column(table, "beam_width");
  int window = csv_table_column(table, "window_size");

  while (next_row(reader)) {
    gboolean is_decode = g_str_equal(csv_table_text(table, op), "generation_attention");
    gint64 sequences = csv_table_whole(table, batch, 1), length = csv_table_whole(table, isl, 1);
    gint64 before = csv_table_whole(table, step, 0), q = csv_table_whole(table, heads, 1);
    gint64 k = csv_table_whole(table, kv_heads, 0); /* 0: as many as heads */
    gint64 width = csv_table_whole(table, dim, 1);
    double time_ms = csv_table_time(table, latency);
    const char *q_dtype = import_dtype(csv_table_text(table, dtype));
    const char *kv_dtype = import_dtype(csv_table_text(table, kv));
    g_autofree char *both = g_strdup_printf("%s+%skv", q_dtype, kv_dtype);
    const gint64 decode[] = {0, 0, 0, sequences, length + before, q, k > 0 ? k : q, width};
    const gint64 prefill[] = {sequences, length, before, 0, 0, q, k > 0 ? k : q, width};
    if (whole_if_there(table, beams) > 1 || whole_if_there(table, window) > 0)
      reader->left_out++;
    else if (csv_table_ok(table))
      add(reader, OP_ATTENTION, "", g_str_equal(q_dtype, kv_dtype) ? q_dtype : both,
          text_if_there(table, kernel), is_decode ? decode : prefill, time_ms);
  }
  return csv_table_finish(table, error);
}

static gint64
element_bytes(const char *dtype)
{
  if (g_str_equal(dtype, "float32"))
    return 4;
  if (g_str_equal(dtype, "float16") || g_str_equal(dtype, "bfloat16"))
    return 2;
  return g_str_equal(dtype, "int8") || g_str_equal(dtype, "fp8") ? 1 : 0;
}

/* "NCCL" is nccl, "vLLM_custom_graph" custom, "vLLM_custom_eager" custom_eager. */
static const char *
all_reduce_variant(const char *kernel)
{
  if (g_str_equal(kernel, "NCCL"))
    return "nccl";
  return g_str_has_suffix(kernel, "_eager") ? "custom_eager" : "custom";
}

static gboolean
read_all_reduce(Reader *reader, GError **error)
{
  CsvTable *table = reader->table;
  int nccl = csv_table_column(table, "nccl_dtype");
  int dtype = nccl >= 0 ? nccl : csv_table_need(table, "allreduce_dtype");
  int op = csv_table_need(table, "op_name"), kernel = csv_table_need(table, "kernel_source");
  int gpus = csv_table_need(table, "num_gpus"), message = csv_table_need(table, "message_size");
  int latency = csv_table_need(table, "latency");

  while (next_row(reader)) {
    const char *name = import_dtype(csv_table_text(table, dtype));
    const char *source = csv_table_text(table, kernel);
    gint64 elements = csv_table_whole(table, message, 1), ranks = csv_table_whole(table, gpus, 2);
    double time_ms = csv_table_time(table, latency);
    const gint64 shape[] = {elements * element_bytes(name), ranks};
    if (shape[0] == 0)
      csv_table_fail(table, dtype, "half, float16, bfloat16, float32, int8 or fp8");
    if (!g_str_equal(csv_table_text(table, op), "all_reduce"))
      reader->left_out++;
    else if (csv_table_ok(table))
      add(reader, OP_ALL_REDUCE, all_reduce_variant(source), name, source, shape, time_ms);
  }
  return csv_table_finish(table, error);
}

/* Whether two samples are of one series: all but their new tokens is equal. */
static gboolean
is_one_series(const ProfileSample *a, const ProfileSample *b)
{
  const gsize rest = (OPERATION_SHAPE_MAX - 2) * sizeof *a->shape;

  return a->shape[0] == b->shape[0] && memcmp(a->shape + 2, b->shape + 2, rest) == 0 &&
         g_str_equal(a->dtype, b->dtype);
}

static gint
compare_series(gconstpointer a, gconstpointer b)
{
  const ProfileSample *x = a, *y = b;
  int order = strcmp(x->dtype, y->dtype);

  for (guint i = 2; order == 0 && i < OPERATION_SHAPE_MAX; i++)
    order = (x->shape[i] > y->shape[i]) - (x->shape[i] < y->shape[i]);
  for (guint i = 0; order == 0 && i < 2; i++)
    order = (x->shape[i] > y->shape[i]) - (x->shape[i] < y->shape[i]);
  return order;
}

/* A chunk of n tokens after c: it has n c + n^2/2 of the (n + c)^2/2 pairs of a whole prompt of
 * n + c, and takes that share of what the prompt takes above a prompt of one token; no less than
 * n tokens after none. Held against tables that have the prefix axis, chunks of at least a third of
 * what is before them are 5 to 14 % off in median, shorter ones 40 %, so those are not derived.
 */
static ProfileSample
derive_chunk(const ProfileSample *least, const ProfileSample *whole, const ProfileSample *cached,
             double alone_ns)
{
  ProfileSample chunk = *whole;
  double n = (double)(whole->shape[1] - cached->shape[1]), c = (double)cached->shape[1];
  double share = (n * c + n * n / 2) / ((n + c) * (n + c) / 2);

  chunk.shape[1] = whole->shape[1] - cached->shape[1];
  chunk.shape[2] = cached->shape[1];
  chunk.median_ns = least->median_ns + (whole->median_ns - least->median_ns) * share;
  chunk.median_ns = MAX(chunk.median_ns, alone_ns);
  chunk.p10_ns = chunk.p90_ns = 0;
  chunk.derived = 1;
  return chunk;
}

/* The time of n tokens after none from those of the series below: the longest of at most n. */
static double
time_alone(const ProfileSample *series, guint length, gint64 n)
{
  double time_ns = 0;

  for (guint i = 0; i < length && series[i].shape[1] <= n; i++)
    time_ns = MAX(time_ns, series[i].median_ns);
  return time_ns;
}

static guint
derive_series(Profile *profile, const ProfileSample *series, guint length)
{
  guint derived = 0;

  for (guint i = 1; i < length; i++)
    for (guint j = 0; j < i; j++) {
      gint64 n = series[i].shape[1] - series[j].shape[1];
      if (series[j].shape[1] < 16 || 3 * n < series[j].shape[1])
        continue;
      ProfileSample chunk =
          derive_chunk(&series[0], &series[i], &series[j], time_alone(series, length, n));
      profile_add(profile, &chunk);
      derived++;
    }
  return derived;
}

/* From prompts without cached tokens, if the file has no others. */
static void
derive_cached(Reader *reader)
{
  g_autoptr(GArray) prompts = g_array_new(FALSE, FALSE, sizeof(ProfileSample));
  guint derived = 0;

  for (guint i = reader->first; i < reader->profile->samples->len; i++) {
    ProfileSample sample = g_array_index(reader->profile->samples, ProfileSample, i);
    if (sample.operation != OP_ATTENTION || sample.shape[2] > 0)
      return;
    if (sample.shape[0] > 0)
      g_array_append_val(prompts, sample);
  }
  g_array_sort(prompts, compare_series);
  for (guint i = 0, j; i < prompts->len; i = j) {
    const ProfileSample *series = &g_array_index(prompts, ProfileSample, i);
    for (j = i + 1; j < prompts->len && is_one_series(series, series + (j - i));)
      j++;
    derived += derive_series(reader->profile, series, j - i);
  }
  if (derived > 0)
    profile_add_note(
        reader->profile,
        "The table of prompts has no cached tokens: %u samples of n tokens after c "
        "(n >= c/3) are derived from prompts of n + c by the share of query-key pairs, "
        "n c + n^2/2 of (n + c)^2/2, above the time of the shortest prompt.",
        derived);
}

static const struct {
  const char *column; /* by which the kind of file is known */
  gboolean (*read)(Reader *reader, GError **error);
} kinds[] = {
    {"gemm_dtype", read_gemm},
    {"attn_dtype", read_attention},
    {"nccl_dtype", read_all_reduce},
    {"allreduce_dtype", read_all_reduce},
};

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

static void
add_origin(Reader *reader, const char *path, const char *gpu)
{
  g_autofree char *source = import_source("aiconfigurator", path);
  g_autofree char *framework = import_first_text(path, "framework");
  g_autofree char *version = import_first_text(path, "version");
  g_autofree char *engine = g_strdup_printf(
      "%s %s", g_ascii_strcasecmp(framework, "vllm") == 0 ? "vLLM" : framework, version);
  const ProfileOrigin origin = {
      .source = source,
      .measured_device = gpu,
      .engine = engine,
  };

  reader->origin = profile_add_origin(reader->profile, &origin);
}

static gboolean
read_file(Profile *profile, const char *path, const char *gpu, GError **error)
{
  g_autoptr(CsvTable) table = csv_table_open(path, error);
  Reader reader = {.profile = profile, .table = table, .first = profile->samples->len};
  g_autofree char *name = g_path_get_basename(path);
  guint kind = 0;
  gboolean is_read;

  if (table == NULL)
    return FALSE;
  while (kind < G_N_ELEMENTS(kinds) && csv_table_column(table, kinds[kind].column) < 0)
    kind++;
  if (kind == G_N_ELEMENTS(kinds)) {
    profile_add_note(profile, "%s is of an operation that is not known and was left out.", name);
    return TRUE;
  }
  add_origin(&reader, path, gpu);
  for (guint i = 0; i < G_N_ELEMENTS(of_file); i++)
    reader.columns[i] = csv_table_need(table, of_file[i]);
  is_read = kinds[kind].read(&reader, error);
  for (guint i = 0; i < G_N_ELEMENTS(of_file); i++)
    g_free(reader.values[i]);
  if (!is_read)
    return FALSE;
  import_merge_repeats(profile, reader.first);
  derive_cached(&reader);
  if (reader.left_out > 0)
    profile_add_note(profile,
                     "%u rows of %s were left out: collectives other than all_reduce, beam search, "
                     "or sliding windows.",
                     reader.left_out, name);
  return TRUE;
}

/* SYSTEM/BACKEND/VERSION, with OPERATION before or after BACKEND. */
enum { FOLDERS_DEEP = 5 };

static const ImportFiles files = {
    .takes = takes, .folders_deep = FOLDERS_DEEP, .gpu = file_gpu, .read = read_file};

const ProfileImporter profile_importer_aiconfigurator = {
    .name = "aiconfigurator",
    .help = "a file or folder of aiconfigurator: GEMM, attention, NCCL, all-reduce",
    .files = &files,
};
