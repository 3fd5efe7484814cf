/* aiconfigurator's tables of attention, as operations.
 *
 *   batch_size,isl,num_heads,num_key_value_heads,head_dim,attn_dtype,kv_cache_dtype,step and, of
 *   newer versions, window_size
 *   mla_dtype,kv_cache_dtype,batch_size,isl,step, and num_heads or tp_size; of whole blocks
 *   architecture,gemm_type too, and those over the picked KV of heads (MSA, MiniMax-M3) have no
 *   more than these
 *
 * A decode reads isl + step tokens (1 + 1 to 1 + 16383 as published). A context has `isl` new
 * tokens after `step`, which is 0 in all files seen, so chunks after cached tokens are derived.
 */
#include "aiconfigurator.h"

#include <string.h>

static const char *
dtype_of_pair(const char *queries, const char *kv, char **made)
{
  const char *q = import_dtype(queries), *k = import_dtype(kv);

  *made = g_strdup_printf("%s+%skv", q, k);
  return g_str_equal(q, k) ? q : *made;
}

gboolean
aiconfigurator_read_attention(Aiconfigurator *reader, GError **error)
{
  CsvTable *table = reader->table;
  int op = csv_table_need(table, "op_name"), dtype = csv_table_need(table, "attn_dtype");
  int kv = csv_table_need(table, "kv_cache_dtype"), batch = csv_table_need(table, "batch_size");
  int isl = csv_table_need(table, "isl"), heads = csv_table_need(table, "num_heads");
  int step = csv_table_need(table, "step"), dim = csv_table_need(table, "head_dim");
  int kv_heads = csv_table_need(table, "num_key_value_heads");
  int latency = csv_table_need(table, "latency");

  while (aiconfigurator_next(reader)) {
    static const char *const of[] = {"context_attention", "generation_attention", NULL};
    gboolean is_decode = g_str_equal(csv_table_text(table, op), "generation_attention");
    if (!aiconfigurator_is_of(reader, of))
      continue;
    gint64 sequences = csv_table_whole(table, batch, 1), length = csv_table_whole(table, isl, 1);
    gint64 before = csv_table_whole(table, step, 0), q = csv_table_whole(table, heads, 1);
    gint64 k = csv_table_whole(table, kv_heads, 0); /* 0: as many as heads */
    gint64 width = csv_table_whole(table, dim, 1);
    gint64 window = aiconfigurator_whole(table, "window_size");
    double time_ms = csv_table_time(table, latency);
    g_autofree char *made = NULL;
    const char *pair =
        dtype_of_pair(csv_table_text(table, dtype), csv_table_text(table, kv), &made);
    OperationKind kind = window > 0 ? OP_ATTENTION_WINDOW : OP_ATTENTION;
    const gint64 decode[] = {0, 0, 0, sequences, length + before, q, k > 0 ? k : q, width, window};
    const gint64 prefill[] = {sequences, length, before, 0, 0, q, k > 0 ? k : q, width, window};
    if (!csv_table_ok(table))
      continue;
    if (aiconfigurator_whole(table, "beam_width") > 1)
      aiconfigurator_leave_out(reader, "beam search");
    else
      aiconfigurator_add(reader, kind, "", pair, is_decode ? decode : prefill, time_ms);
  }
  return csv_table_finish(table, error);
}

/* The widths that a row does not have, by its architecture: those of the published configurations.
 * Files without one are of DeepSeek-V3, whose 128 heads tp_size divides. */
typedef struct {
  const char *architecture;
  gint64 latent, rope, value;
} LatentWidths;

static const LatentWidths latent_widths[] = {
    {"DeepseekV3ForCausalLM", 512, 64, 128},          {"DeepseekV2ForCausalLM", 512, 64, 128},
    {"DeepseekV32ForCausalLM", 512, 64, 128},         {"GlmMoeDsaForCausalLM", 512, 64, 256},
    {"KimiK3ForConditionalGeneration", 512, 64, 128},
};

static const LatentWidths *
widths_of(const char *architecture)
{
  if (*architecture == '\0')
    return &latent_widths[0];
  for (guint i = 0; i < G_N_ELEMENTS(latent_widths); i++)
    if (g_str_equal(latent_widths[i].architecture, architecture))
      return &latent_widths[i];
  return NULL;
}

#define SKIPS_INDEXER "_skip_indexer"

/* The variant of a row: "" for the kernels of attention alone, else that of the whole block. */
static char *
block_variant(CsvTable *table, const char *architecture)
{
  const char *products = aiconfigurator_text(table, "gemm_type");
  gboolean is_shared = g_str_has_suffix(aiconfigurator_text(table, "op_name"), SKIPS_INDEXER);

  return *products == '\0'
             ? g_strdup("")
             : g_strdup_printf(ATTENTION_BLOCK "%s/%s%s", architecture, import_dtype(products),
                               is_shared ? ATTENTION_SHARED : "");
}

static void
leave_out_architecture(Aiconfigurator *reader)
{
  g_autofree char *reason = g_strdup_printf("the architecture %s, whose widths are not known",
                                            aiconfigurator_text(reader->table, "architecture"));

  aiconfigurator_leave_out(reader, reason);
}

/* SGLang's collector of Hopper times prompts in the latent space, keys of 576 dimensions and values
 * of 512 (collect_mla.py: v_head_dim = kv_lora_rank unless it is a Blackwell card); its servers
 * expand the keys and values of a prompt. */
static gboolean
is_absorbed_prompt(CsvTable *table, gboolean is_decode)
{
  return !is_decode && g_ascii_strcasecmp(aiconfigurator_text(table, "framework"), "sglang") == 0 &&
         g_str_equal(aiconfigurator_text(table, "kernel_source"), "flash_attention") &&
         *aiconfigurator_text(table, "gemm_type") == '\0';
}

/* A row of MiniMax-M3's block: 16 heads share a KV head, of which a rank has one at least
 * (collect_msa_module.py), and 16 blocks of 128 tokens are picked. */
static void
read_picked(Aiconfigurator *reader)
{
  enum { HEADS_A_KV_HEAD = 16, HEAD_DIM = 128, PICKED = 16 * 128 };
  CsvTable *table = reader->table;
  gboolean is_decode = strstr(aiconfigurator_text(table, "op_name"), "generation") != NULL;
  gint64 sequences = aiconfigurator_whole(table, "batch_size");
  gint64 length = aiconfigurator_whole(table, "isl"), before = aiconfigurator_whole(table, "step");
  gint64 heads = csv_table_whole(table, csv_table_need(table, "num_heads"), 1);
  gint64 kv_heads = MAX(1, heads / HEADS_A_KV_HEAD);
  double time_ms = csv_table_time(table, csv_table_need(table, "latency"));
  const char *architecture = aiconfigurator_text(table, "architecture");
  g_autofree char *made = NULL, *variant = NULL;

  csv_table_need(table, "gemm_type");
  if (!csv_table_ok(table))
    return;
  if (!g_str_equal(architecture, "MiniMaxM3ForCausalLM")) {
    leave_out_architecture(reader);
    return;
  }
  variant = block_variant(table, architecture);
  const char *pair = dtype_of_pair(aiconfigurator_text(table, "mla_dtype"),
                                   aiconfigurator_text(table, "kv_cache_dtype"), &made);
  const gint64 decode[] = {0, 0, 0, sequences, length + before, heads, kv_heads, HEAD_DIM, PICKED};
  const gint64 prefill[] = {sequences, length, before, 0, 0, heads, kv_heads, HEAD_DIM, PICKED};
  aiconfigurator_add(reader, OP_ATTENTION_SPARSE, variant, pair, is_decode ? decode : prefill,
                     time_ms);
}

gboolean
aiconfigurator_read_mla(Aiconfigurator *reader, GError **error)
{
  enum { DEEPSEEK_HEADS = 128 };
  CsvTable *table = reader->table;
  int op = csv_table_need(table, "op_name"), dtype = csv_table_need(table, "mla_dtype");
  int kv = csv_table_need(table, "kv_cache_dtype"), batch = csv_table_need(table, "batch_size");
  int isl = csv_table_need(table, "isl"), latency = csv_table_need(table, "latency");
  int heads_column = csv_table_column(table, "num_heads");
  int ranks = heads_column >= 0 ? -1 : csv_table_need(table, "tp_size");

  while (aiconfigurator_next(reader)) {
    static const char *const of[] = {"mla_context",
                                     "mla_generation",
                                     "mla_context_module",
                                     "mla_generation_module",
                                     "dsa_context_module",
                                     "dsa_generation_module",
                                     "dsa_context_module" SKIPS_INDEXER,
                                     "dsa_generation_module" SKIPS_INDEXER,
                                     "msa_context_module",
                                     "msa_generation_module",
                                     NULL};
    gboolean is_decode = strstr(csv_table_text(table, op), "generation") != NULL;
    if (!aiconfigurator_is_of(reader, of))
      continue;
    if (g_str_has_prefix(csv_table_text(table, op), "msa_")) {
      read_picked(reader);
      continue;
    }
    const LatentWidths *widths = widths_of(aiconfigurator_text(table, "architecture"));
    gint64 sequences = csv_table_whole(table, batch, 1), length = csv_table_whole(table, isl, 1);
    gint64 before = aiconfigurator_whole(table, "step");
    gint64 heads = heads_column >= 0 ? csv_table_whole(table, heads_column, 1)
                                     : DEEPSEEK_HEADS / csv_table_whole(table, ranks, 1);
    double time_ms = csv_table_time(table, latency);
    g_autofree char *made = NULL, *variant = NULL;
    const char *pair =
        dtype_of_pair(csv_table_text(table, dtype), csv_table_text(table, kv), &made);
    if (!csv_table_ok(table))
      continue;
    if (widths == NULL) {
      leave_out_architecture(reader);
      continue;
    }
    if (is_absorbed_prompt(table, is_decode)) {
      aiconfigurator_leave_out(reader, "prompts' latent attention in the latent space, where "
                                       "servers expand keys and values");
      continue;
    }
    variant = block_variant(table, widths->architecture);
    const gint64 decode[] = {
        0, 0, 0, sequences, length + before, heads, widths->latent, widths->rope, widths->value};
    const gint64 prefill[] = {sequences,      length,       before,       0, 0, heads,
                              widths->latent, widths->rope, widths->value};
    aiconfigurator_add(reader, OP_MLA, variant, pair, is_decode ? decode : prefill, time_ms);
  }
  return csv_table_finish(table, error);
}
