/* The roofline against published measurements: prints the median error of each table and fails
 * where it leaves the range that the shipped devices reach today. Skips where the public data is
 * absent (SPILLWAY_SHARED, else ../shared). */
#include "calib/cost/dtype.h"
#include "calib/cost/roofline.h"
#include "files/input.h"

#include "sim/units.h"
#include "tests/unit/calib/shipped_fixture.h"

#include <math.h>
#include <string.h>

static char *
data_path(const char *file)
{
  const char *shared = g_getenv("SPILLWAY_SHARED");

  return g_build_filename(shared != NULL ? shared : "../shared", "data", "profiles", file, NULL);
}

static const WeightFormat plain = {.name = "bfloat16", .bits = 16};

/* Line by line: split at once, a sanitizer measures all that is left at each line. */
typedef struct {
  char *text, *next;
  char **header, **row;
} Table;

/* The next line's cells; NULL at the end. The caller frees them. */
static char **
table_line(Table *table)
{
  char *line = table->next, *end = strchr(line, '\n');

  if (*line == '\0')
    return NULL;
  table->next = end != NULL ? end + 1 : line + strlen(line);
  if (end != NULL)
    *end = '\0';
  return g_strsplit(g_strchomp(line), ",", -1);
}

static gboolean
table_open(Table *table, const char *file)
{
  g_autofree char *path = data_path(file);

  *table = (Table){.text = input_read(path, INPUT_MAYBE_GZIP, INPUT_TABLE_MAX_BYTES, NULL, NULL)};
  if (table->text == NULL)
    return FALSE;
  table->next = g_strchomp(table->text);
  table->header = table_line(table);
  return TRUE;
}

static gboolean
table_next(Table *table)
{
  g_clear_pointer(&table->row, g_strfreev);
  table->row = table_line(table);
  return table->row != NULL;
}

static const char *
table_text(const Table *table, const char *column)
{
  for (guint i = 0; table->header[i] != NULL && table->row[i] != NULL; i++)
    if (g_str_equal(table->header[i], column))
      return table->row[i];
  g_error("no column %s", column);
}

static guint32
table_count(const Table *table, const char *column)
{
  return (guint32)g_ascii_strtoull(table_text(table, column), NULL, 10);
}

static double
table_ms(const Table *table, const char *column)
{
  return g_ascii_strtod(table_text(table, column), NULL);
}

static void
table_close(Table *table)
{
  g_strfreev(table->row);
  g_free(table->text);
  g_strfreev(table->header);
}

static int
compare_doubles(gconstpointer a, gconstpointer b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static double
quantile(GArray *values, double q)
{
  return g_array_index(values, double, (guint)(q * (values->len - 1)));
}

/* Prints the distribution of modelled/measured - 1 and holds its median against a bound. */
static void
judge(const char *what, GArray *ratios, double bound)
{
  g_autoptr(GArray) errors = g_array_sized_new(FALSE, FALSE, sizeof(double), ratios->len);

  for (guint i = 0; i < ratios->len; i++) {
    double error = fabs(g_array_index(ratios, double, i) - 1);
    g_array_append_val(errors, error);
  }
  g_array_sort(ratios, compare_doubles);
  g_array_sort(errors, compare_doubles);
  g_test_message("%s: %u points, median error %.1f%%, p90 %.1f%%, median signed %+.1f%%", what,
                 ratios->len, 100 * quantile(errors, 0.5), 100 * quantile(errors, 0.9),
                 100 * (quantile(ratios, 0.5) - 1));
  g_assert_cmpfloat(quantile(errors, 0.5), <, bound);
}

static void
add_ratio(GArray *ratios, gint64 modelled_ps, double measured_ms)
{
  double ratio = (double)modelled_ps / (measured_ms * 1000 * (double)PS_PER_US);

  if (measured_ms > 0)
    g_array_append_val(ratios, ratio);
}

typedef struct {
  const char *file, *device, *dtype;
  double bound;
} GemmCase;

static void
test_gemm(gconstpointer data)
{
  const GemmCase *c = data;
  const WeightFormat format = dtype_format(c->dtype);
  g_autoptr(GArray) ratios = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(Device) device = shipped_device(c->device);
  Table table;

  if (!table_open(&table, c->file)) {
    g_test_skip("the measured tables do not ship, and are not at hand");
    return;
  }
  while (table_next(&table)) {
    guint64 m = table_count(&table, "m"), n = table_count(&table, "n"),
            k = table_count(&table, "k");
    if (g_str_equal(table_text(&table, "gemm_dtype"), c->dtype) && n * k >= 2000000)
      add_ratio(ratios, roofline_gemm_ps(device, &WHAT_IF_NONE, m, n, k, &format),
                table_ms(&table, "latency"));
  }
  judge(c->file, ratios, c->bound);
  table_close(&table);
}

/* One layer of attention alone. */
static gint64
attention_ps(const Device *device, guint32 heads, guint32 kv_heads, guint32 head_dim,
             const CostShape *shape)
{
  Layer layer = {.count = 1,
                 .mixer = {.kind = MIXER_FULL,
                           .heads = heads,
                           .kv_heads = kv_heads,
                           .head_dim = head_dim,
                           .value_dim = head_dim}};
  Model model = {.name = (char *)"attention",
                 .kinds = &layer,
                 .n_kinds = 1,
                 .layers = 1,
                 .hidden = heads * head_dim,
                 .heads = heads,
                 .kv_heads = kv_heads,
                 .head_dim = head_dim,
                 .ffn = 1,
                 .vocab = 1,
                 .head_format = {.name = "float16", .bits = 16},
                 .weight_bits = 16,
                 .kv_bits = 16};
  const RooflineConfig config = {.device = device,
                                 .model = &model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .what_if = WHAT_IF_NONE};
  g_autoptr(GError) error = NULL;
  g_autoptr(CostModel) costs = roofline_new(&config, &error);
  CostPiece piece;

  g_assert_no_error(error);
  cost_model_step(costs, shape, 1, &piece);
  return piece.base_ps[COST_ATTENTION];
}

typedef struct {
  const char *file, *device;
  gboolean prefill;
  double bound;
} AttentionCase;

/* Rows that a server meets: chunks of 128 tokens and up over 32 heads and up; decodes of groups of
 * up to 8 heads with 16 MB of KV and up (below, the fixed time is all there is). */
static gboolean
is_typical(gboolean prefill, guint32 batch, guint32 tokens, guint32 heads, guint32 kv_heads,
           guint32 head_dim)
{
  return prefill ? tokens >= 128 && batch * heads >= 32
                 : heads <= 8 * kv_heads && 4ull * batch * tokens * kv_heads * head_dim >= 16000000;
}

static void
test_attention(gconstpointer data)
{
  const AttentionCase *c = data;
  g_autoptr(GArray) ratios = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(Device) device = shipped_device(c->device);
  Table table;

  if (!table_open(&table, c->file)) {
    g_test_skip("the measured tables do not ship, and are not at hand");
    return;
  }
  for (guint row = 0; table_next(&table); row++) {
    guint32 batch = table_count(&table, "batch_size"), heads = table_count(&table, "num_heads");
    guint32 kv_heads = table_count(&table, "num_key_value_heads");
    guint32 head_dim = table_count(&table, "head_dim");
    guint32 tokens = table_count(&table, "isl") + table_count(&table, "step");
    g_autofree CostChunk *chunks = g_new0(CostChunk, batch);
    CostShape shape = {.sequences = batch};

    if (row % 5 != 0 || !g_str_equal(table_text(&table, "attn_dtype"), "bfloat16") ||
        !g_str_equal(table_text(&table, "kv_cache_dtype"), "bfloat16") ||
        !is_typical(c->prefill, batch, tokens, heads, kv_heads, head_dim))
      continue;
    for (guint i = 0; i < batch; i++)
      chunks[i].tokens = tokens;
    if (c->prefill) {
      shape.prefills = chunks;
      shape.n_prefills = batch;
    } else {
      shape.contexts.count = batch;
      shape.contexts.sum = (guint64)batch * tokens;
    }
    add_ratio(ratios, attention_ps(device, heads, kv_heads, head_dim, &shape),
              table_ms(&table, "latency"));
  }
  judge(c->file, ratios, c->bound);
  table_close(&table);
}

typedef struct {
  const char *file, *device;
  double bound;
} LayerCase;

/* The products of a whole layer, by tokens and tensor-parallel size. */
static void
test_layer(gconstpointer data)
{
  static const char *const products[] = {
      "time_stats.attn_pre_proj.median",
      "time_stats.attn_post_proj.median",
      "time_stats.mlp_up_proj.median",
      "time_stats.mlp_down_proj.median",
  };
  const LayerCase *c = data;
  g_autoptr(GArray) ratios = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(Device) device = shipped_device(c->device);
  Table table;

  if (!table_open(&table, c->file)) {
    g_test_skip("the measured tables do not ship, and are not at hand");
    return;
  }
  while (table_next(&table)) {
    guint64 tokens = table_count(&table, "num_tokens"), hidden = table_count(&table, "n_embd");
    guint64 tp = table_count(&table, "num_tensor_parallel_workers");
    guint64 ffn = table_count(&table, "n_expanded_embd") / tp;
    guint64 kv_width =
        hidden / table_count(&table, "n_head") * table_count(&table, "n_kv_head") / tp;
    const guint64 nk[4][2] = {{hidden / tp + 2 * kv_width, hidden},
                              {hidden, hidden / tp},
                              {2 * ffn, hidden},
                              {hidden, ffn}};
    gint64 modelled_ps = 0;
    double measured_ms = 0;

    for (guint i = 0; i < 4; i++) {
      modelled_ps += roofline_gemm_ps(device, &WHAT_IF_NONE, tokens, nk[i][0], nk[i][1], &plain);
      measured_ms += table_ms(&table, products[i]);
    }
    add_ratio(ratios, modelled_ps, measured_ms);
  }
  judge(c->file, ratios, c->bound);
  table_close(&table);
}

#define SERVED "llmservingsim/rtxpro6000-llama-3.1-8b/perf/"

/* Products of Llama-3.1-8B, one a row. */
static void
test_served_products(void)
{
  static const struct {
    const char *layer;
    guint64 n, k;
  } products[] = {{"qkv_proj", 6144, 4096},
                  {"o_proj", 4096, 4096},
                  {"gate_up_proj", 28672, 4096},
                  {"down_proj", 4096, 14336}};
  g_autoptr(GArray) ratios = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(Device) device = shipped_device("rtx-pro-6000");
  Table table;

  if (!table_open(&table, SERVED "dense.csv")) {
    g_test_skip("the measured tables do not ship, and are not at hand");
    return;
  }
  while (table_next(&table))
    for (guint i = 0; i < G_N_ELEMENTS(products); i++)
      if (g_str_equal(table_text(&table, "layer"), products[i].layer))
        add_ratio(ratios,
                  roofline_gemm_ps(device, &WHAT_IF_NONE, table_count(&table, "tokens"),
                                   products[i].n, products[i].k, &plain),
                  table_ms(&table, "time_us") / 1000);
  judge(SERVED "dense.csv", ratios, 0.11);
  table_close(&table);
}

/* Attention of Llama-3.1-8B: decodes of 16 MB of KV and more, or one chunk of 128 tokens and more.
 */
static void
test_served_attention(gconstpointer data)
{
  gboolean prefill = data != NULL;
  g_autoptr(GArray) ratios = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(Device) device = shipped_device("rtx-pro-6000");
  Table table;

  if (!table_open(&table, SERVED "attention.csv")) {
    g_test_skip("the measured tables do not ship, and are not at hand");
    return;
  }
  while (table_next(&table)) {
    guint32 n = table_count(&table, "n_decode"), kv = table_count(&table, "kv_decode");
    const CostChunk chunk = {.tokens = table_count(&table, "prefill_chunk"),
                             .cached_tokens = table_count(&table, "kv_prefill")};
    const CostShape shape = {.prefills = &chunk,
                             .n_prefills = prefill,
                             .contexts.count = n,
                             .contexts.sum = (guint64)n * kv,
                             .sequences = n + prefill};

    if (prefill ? chunk.tokens >= 128 && n == 0
                : chunk.tokens == 0 && 4ull * n * kv * 1024 >= 16000000)
      add_ratio(ratios, attention_ps(device, 32, 8, 128, &shape),
                table_ms(&table, "time_us") / 1000);
  }
  judge(prefill ? SERVED "attention.csv, prefill" : SERVED "attention.csv, decode", ratios, 0.08);
  table_close(&table);
}

#define AIC "aiconfigurator/"
#define AIC19 "aiconfigurator-0.19/"

static const GemmCase gemms[] = {
    {AIC "a100_sxm_gemm_vllm_0.14.0_gemm_perf.csv", "a100-80gb", "bfloat16", 0.12},
    {AIC "h100_sxm_gemm_vllm_0.14.0_gemm_perf.csv", "h100-sxm", "bfloat16", 0.08},
    {AIC19 "gemm_perf.csv.gz", "h100-sxm", "fp8", 0.14},
    /* Servers take less than these kernels of vLLM (the device file says why). */
    {AIC19 "gemm_perf.csv.gz", "h100-sxm", "fp8_block", 0.36},
};

static const AttentionCase attentions[] = {
    {AIC "a100_sxm_attention_vllm_0.14.0_context_attention_perf.csv", "a100-80gb", TRUE, 0.07},
    {AIC "h100_sxm_attention_vllm_0.14.0_context_attention_perf.csv", "h100-sxm", TRUE, 0.12},
    {AIC "a100_sxm_attention_vllm_0.14.0_generation_attention_perf.csv", "a100-80gb", FALSE, 0.11},
    {AIC "h100_sxm_attention_vllm_0.14.0_generation_attention_perf.csv", "h100-sxm", FALSE, 0.17},
};

static const LayerCase layers[] = {
    {"vidur/a100_meta-llama_Llama-2-7b-hf_mlp.csv", "a100-80gb", 0.07},
    {"vidur/a100_meta-llama_Meta-Llama-3-8B_mlp.csv", "a100-80gb", 0.05},
    {"vidur/h100_meta-llama_Llama-2-7b-hf_mlp.csv", "h100-sxm", 0.22},
};

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(gemms); i++) {
    g_autofree char *path =
        g_strdup_printf("/roofline-tables/gemm/%s-%s", gemms[i].device, gemms[i].dtype);
    g_test_add_data_func(path, &gemms[i], test_gemm);
  }
  for (guint i = 0; i < G_N_ELEMENTS(attentions); i++) {
    g_autofree char *path =
        g_strdup_printf("/roofline-tables/%s/%s", attentions[i].prefill ? "prefill" : "decode",
                        attentions[i].device);
    g_test_add_data_func(path, &attentions[i], test_attention);
  }
  for (guint i = 0; i < G_N_ELEMENTS(layers); i++) {
    g_autofree char *path = g_strdup_printf("/roofline-tables/layer/%u-%s", i, layers[i].device);
    g_test_add_data_func(path, &layers[i], test_layer);
  }
  g_test_add_func("/roofline-tables/gemm/rtx-pro-6000", test_served_products);
  g_test_add_data_func("/roofline-tables/decode/rtx-pro-6000", NULL, test_served_attention);
  g_test_add_data_func("/roofline-tables/prefill/rtx-pro-6000", "prefill", test_served_attention);
  return g_test_run();
}
