/* The table of points that NVIDIA's aiconfigurator keeps (silicon_sample.csv).
 *
 * All ran in a closed loop at the concurrency (batch_size), with 10 requests for each that is in
 * flight. What else is known of how they ran:
 *
 * - An id that begins with a date is of a dump of public benchmarks (InferenceMAX). Lengths are
 *   uniform from 80 to 100 % of ISL and OSL; dump.c has how its scripts start servers.
 * - Other points have fixed lengths (aiconfigurator's genai_perf_runner.py). Its generator gives
 *   vLLM ISL + 1500 batched tokens and one more for each sequence (rule_plugin/benchmark/
 *   vllm.rule), TensorRT-LLM the same in whole blocks (rule_authoring.md).
 * - KV of Llama in fp8 is fp8 on H200 and B200, as the loads show at which the pools are full; of
 *   others it is as a dump's script or the model says.
 * - TensorRT-LLM is built for a longest request, and allocates for a prompt of that length; it is
 *   assumed to be built for ISL + OSL + 64 tokens.
 */
#include "point.h"

#include <string.h>

#include "calib/import/csv_table.h"
#include "calib/import/import.h"
#include "dump.h"
#include "scenario/shipped.h"

#define REQUESTS_A_SLOT 10
#define MOST_ENGINES 64 /* that --data-parallel-size takes */
#define MOST_OF_A_ROW                                                                              \
  5000000 /* tokens, requests, ranks: what they are multiplied to is a guint                       \
           */

typedef struct {
  int id, model, card, engine, version, precision, isl, osl, concurrency, tp, ttft,
      tpot;                                                  /* must be */
  int mode, detail, pp, dp, ep, experts_tp, num_prompts, kv; /* -1: the table has none */
} Columns;

static Columns
find_columns(CsvTable *table)
{
  return (Columns){
      .id = csv_table_need(table, "id"),
      .model = csv_table_need(table, "model_path"),
      .card = csv_table_need(table, "system"),
      .engine = csv_table_need(table, "backend"),
      .version = csv_table_need(table, "backend_version"),
      .precision = csv_table_need(table, "precision"),
      .isl = csv_table_need(table, "isl"),
      .osl = csv_table_need(table, "osl"),
      .concurrency = csv_table_need(table, "batch_size"),
      .tp = csv_table_need(table, "tp_size"),
      .ttft = csv_table_need(table, "silicon_ttft_ms"),
      .tpot = csv_table_need(table, "silicon_tpot_ms"),
      .mode = csv_table_column(table, "mode"),
      .detail = csv_table_column(table, "gemm_quant_mode"),
      .pp = csv_table_column(table, "pp_size"),
      .dp = csv_table_column(table, "attention_dp_size"),
      .ep = csv_table_column(table, "moe_ep_size"),
      .experts_tp = csv_table_column(table, "moe_tp_size"),
      .num_prompts = csv_table_column(table, "num_prompts"),
      .kv = csv_table_column(table, "kvcache_quant_mode"),
  };
}

static const char *
text_or_empty(const CsvTable *table, int column)
{
  return column >= 0 ? csv_table_text(table, column) : "";
}

static guint
whole_from(CsvTable *table, int column, gint64 least)
{
  gint64 value = csv_table_whole(table, column, least);

  if (value > MOST_OF_A_ROW)
    csv_table_fail(table, column, "a whole number up to %d", MOST_OF_A_ROW);
  return (guint)MIN(value, MOST_OF_A_ROW);
}

/* An optional column's number; `absent` where there is none or it is empty. */
static guint
whole_or(CsvTable *table, int column, guint absent)
{
  if (column < 0 || *csv_table_text(table, column) == '\0')
    return absent;
  return whole_from(table, column, 0);
}

/* "h100_sxm" is h100-sxm here, "h200_sxm" h200, "rtx_pro_6000_server" rtx-pro-6000. Caller frees.
 */
static char *
card_name(const char *system)
{
  char *name = g_strdelimit(g_ascii_strdown(system, -1), "_", '-');
  const char *const tries[] = {"", "-sxm", "-80gb"}, *guessed = import_guess_device(system);

  if (g_str_has_suffix(name, "-sxm") || g_str_has_suffix(name, "-pcie")) {
    g_autofree char *file = shipped_file("devices", name, ".ini");
    if (file == NULL)
      *strrchr(name, '-') = '\0';
  }
  for (guint i = 0; i < G_N_ELEMENTS(tries); i++) {
    g_autofree char *full = g_strconcat(name, tries[i], NULL);
    g_autofree char *file = shipped_file("devices", full, ".ini");
    if (file != NULL) {
      g_free(name);
      return g_steal_pointer(&full);
    }
  }
  if (guessed != NULL) {
    g_free(name);
    return g_strdup(guessed);
  }
  return name;
}

static void
set_card(ServerPoint *point, const char *system)
{
  g_autofree char *file = NULL;

  g_free(point->card);
  point->card = card_name(system);
  file = shipped_file("devices", point->card, ".ini");
  if (file == NULL)
    server_point_refuse(point, "there is no card %s", system);
  else
    server_point_set(point, "device", "%s", point->card);
}

static void
set_load(ServerPoint *point, guint isl, guint osl, guint num_prompts, const char *version)
{
  if (g_str_equal(point->engine, "trtllm"))
    server_point_set(point, "max-model-len", "%u", isl + osl + 64);
  if (server_dump_has(point->id)) {
    server_point_set(point, "trace",
                     "gen:--requests %u --arrivals burst --prompt uniform:%u,%u --output "
                     "uniform:%u,%u",
                     num_prompts, MAX(isl * 4 / 5, 1), isl, MAX(osl * 4 / 5, 1), osl);
    server_dump_set(point, isl, osl, version);
    return;
  }
  if (g_str_equal(point->engine, "vllm")) {
    server_point_set(point, "max-num-batched-tokens", "%u", point->concurrency + isl + 1500);
    server_point_set(point, "max-num-seqs", "%u", point->concurrency);
    server_point_set(point, "max-model-len", "%u", isl + osl + 1500);
  }
  if (g_str_equal(point->engine, "trtllm")) { /* in whole blocks */
    server_point_set(point, "max-num-batched-tokens", "%u",
                     (point->concurrency + isl + 1500 + 31) / 32 * 32);
    server_point_set(point, "max-num-seqs", "%u", point->concurrency);
  }
  server_point_set(point, "num-prompts", "%u", num_prompts);
  server_point_set(point, "random-input-len", "%u", isl);
  server_point_set(point, "random-output-len", "%u", osl);
}

/* What NVIDIA publishes in fp8 and NVFP4 says KV in fp8, too (kv_cache_quant_algo of its
 * hf_quant_config.json), which TensorRT-LLM takes where it is not told otherwise. DeepSeek's does
 * not in all its versions. */
static gboolean
says_fp8_kv(const ServerPoint *point)
{
  g_autofree char *model = g_ascii_strdown(point->model, -1);

  return g_str_has_prefix(model, "nvidia/") && g_str_equal(point->engine, "trtllm") &&
         (strstr(model, "fp8") != NULL || strstr(model, "fp4") != NULL) &&
         strstr(model, "deepseek") == NULL;
}

/* Where the table does not say: as the script of a dump did, or what is published does; else fp8 of
 * Llama in fp8 on H200 and B200. */
static void
set_kv(ServerPoint *point, const char *kv)
{
  g_autofree char *model = g_ascii_strdown(point->model, -1);
  gboolean is_large = g_str_equal(point->card, "h200") || g_str_equal(point->card, "b200");

  if (*kv != '\0'
          ? g_str_has_prefix(kv, "fp8")
          : (server_dump_has(point->id) && server_dump_has_fp8_kv(point)) || says_fp8_kv(point) ||
                (is_large && g_str_equal(point->precision, "fp8") &&
                 strstr(model, "llama") != NULL))
    server_point_set(point, "kv-cache-dtype", "fp8");
}

/* How a row's devices are shared: TP x attention DP are as many ranks as TP x EP of experts. */
typedef struct {
  guint tp, dp, ep, experts_tp;
} RowRanks;

/* An id with tpN_epM is of N devices. Some rows say N x M ranks instead: they multiply the sizes of
 * attention and of experts, which share the same devices. Nine of thirteen such points occur a
 * second time with N ranks, the same to the last digit. */
static void
undo_product(const char *id, RowRanks *ranks)
{
  g_autofree char *named = g_strdup_printf("_tp%u_ep%u_", ranks->experts_tp, ranks->ep);
  guint *multiplied = ranks->tp > 1 ? &ranks->tp : &ranks->dp;

  if (ranks->ep <= 1 || ranks->experts_tp % ranks->ep != 0 ||
      (guint64)ranks->tp * ranks->dp != (guint64)ranks->experts_tp * ranks->ep ||
      *multiplied % ranks->ep != 0 || strstr(id, named) == NULL)
    return;
  *multiplied /= ranks->ep;
  ranks->experts_tp /= ranks->ep;
}

/* The scripts of DeepSeek under TensorRT-LLM have EP_SIZE = TP on H200. Rows without a version are
 * older than that column, and say 1. */
static void
restore_expert_parallel(CsvTable *table, const Columns *c, RowRanks *ranks)
{
  g_autofree char *model = g_ascii_strdown(csv_table_text(table, c->model), -1);

  if (!server_dump_has(csv_table_text(table, c->id)) || strstr(model, "deepseek") == NULL ||
      !g_str_equal(csv_table_text(table, c->engine), "trtllm") ||
      !g_str_has_prefix(csv_table_text(table, c->card), "h200") ||
      *csv_table_text(table, c->version) != '\0' || ranks->ep > 1)
    return;
  ranks->ep = ranks->tp * ranks->dp;
  ranks->experts_tp = 1;
}

static RowRanks
read_ranks(CsvTable *table, const Columns *c)
{
  RowRanks ranks = {.tp = whole_from(table, c->tp, 1),
                    .dp = whole_or(table, c->dp, 1),
                    .ep = whole_or(table, c->ep, 1),
                    .experts_tp = whole_or(table, c->experts_tp, 1)};

  undo_product(csv_table_text(table, c->id), &ranks);
  restore_expert_parallel(table, c, &ranks);
  return ranks;
}

/* How engines share requests, and their devices experts. */
static void
set_ranks(ServerPoint *point, const char *engine, const RowRanks *ranks)
{
  gboolean is_sglang = g_str_equal(engine, "sglang");

  server_point_set(point, "tensor-parallel-size", "%u",
                   is_sglang && point->has_experts ? ranks->tp * ranks->dp : ranks->tp);
  if (ranks->dp > 1)
    server_point_set(point, "data-parallel-size", "%u", ranks->dp);
  if (ranks->dp > 1 && is_sglang && point->has_experts)
    server_point_set(point, "enable-dp-attention", "%s", "");
  if (ranks->ep <= 1 || !point->has_experts)
    return;
  if (!g_str_equal(engine, "vllm"))
    server_point_set(point, "expert-parallel-size", "%u", ranks->ep);
  else if (ranks->experts_tp > 1)
    server_point_refuse(point, "vllm does not split and share experts at once (%u x %u)",
                        ranks->experts_tp, ranks->ep);
  else
    server_point_set(point, "enable-expert-parallel", "%s", "");
}

static ServerPoint *
read_row(CsvTable *table, const Columns *c, const char *folder)
{
  ServerPoint *point = server_point_new(csv_table_text(table, c->id));
  const char *precision = csv_table_text(table, c->precision);
  const char *mode = text_or_empty(table, c->mode);
  const char *engine = csv_table_text(table, c->engine);
  const char *version = csv_table_text(table, c->version);
  guint isl = whole_from(table, c->isl, 1), osl = whole_from(table, c->osl, 1);
  RowRanks ranks = read_ranks(table, c);
  guint num_prompts;

  point->published_ttft_ms = csv_table_time(table, c->ttft);
  point->published_tpot_ms = csv_table_time(table, c->tpot);
  /* batch_size is that of each engine, where several share the experts. */
  point->concurrency =
      whole_from(table, c->concurrency, 1) * MIN(whole_or(table, c->dp, 1), MOST_ENGINES);
  point->tp = ranks.tp;
  num_prompts = MAX(whole_or(table, c->num_prompts, REQUESTS_A_SLOT * point->concurrency), 1);
  if (*mode != '\0' && !g_str_equal(mode, "agg"))
    server_point_refuse(point, "servers of the mode %s are not simulated", mode);
  if (whole_or(table, c->pp, 1) > 1)
    server_point_set(point, "pipeline-parallel-size", "%u", whole_or(table, c->pp, 1));
  server_point_set_model(point, csv_table_text(table, c->model), folder, precision,
                         text_or_empty(table, c->detail));
  set_card(point, csv_table_text(table, c->card));
  set_ranks(point, engine, &ranks);
  server_point_set_engine(point, engine,
                          server_dump_has(point->id) ? server_dump_version(point, engine, version)
                                                     : version);
  set_kv(point, text_or_empty(table, c->kv));
  server_point_set(point, "max-concurrency", "%u", point->concurrency);
  set_load(point, isl, osl, num_prompts, version);
  return point;
}

gboolean
server_points_read_csv(const char *path, const char *folder, GPtrArray *points, GError **error)
{
  g_autoptr(CsvTable) table = csv_table_open(path, error);
  g_autoptr(GError) cause = NULL;
  Columns columns;

  if (table == NULL)
    return FALSE;
  columns = find_columns(table);
  while (csv_table_ok(table) && csv_table_next(table))
    g_ptr_array_add(points, read_row(table, &columns, folder));
  if (csv_table_finish(table, &cause))
    return TRUE;
  if (g_error_matches(cause, CSV_TABLE_ERROR, CSV_TABLE_ERROR_COLUMN))
    g_set_error(
        error, cause->domain, cause->code,
        "%s; expected a table of published points, with the columns id, model_path, system, "
        "backend, backend_version, precision, isl, osl, batch_size, tp_size, silicon_ttft_ms and "
        "silicon_tpot_ms, or the result of vllm bench serve, SGLang, AIPerf or GuideLLM",
        cause->message);
  else
    g_propagate_error(error, g_steal_pointer(&cause));
  return FALSE;
}
