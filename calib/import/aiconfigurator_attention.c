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

/* The first fields of a shape: prompts of `length` tokens after `before`, or decodes of as many. */
static void
set_batch(gint64 *shape, gboolean is_decode, gint64 sequences, gint64 length, gint64 before)
{
  if (is_decode) {
    shape[3] = sequences;
    shape[4] = length + before;
    return;
  }
  shape[0] = sequences;
  shape[1] = length;
  shape[2] = before;
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
    gboolean is_decode = g_str_equal(csv_table_text(table, op), "generation_attention");
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
    gint64 shape[OPERATION_SHAPE_MAX] = {0, 0, 0, 0, 0, q, k > 0 ? k : q, width, window};
    set_batch(shape, is_decode, sequences, length, before);
    if (!csv_table_ok(table))
      continue;
    if (aiconfigurator_whole(table, "beam_width") > 1)
      aiconfigurator_leave_out(reader, "beam search");
    else
      aiconfigurator_add(reader, kind, "", pair, shape, time_ms);
  }
  return csv_table_finish(table, error);
}

/* What a row does not say, by its architecture: the widths of the published configurations. Files
 * without one are of DeepSeek-V3, whose 128 heads tp_size divides. */
typedef struct {
  const char *architecture;
  OperationKind operation;
  gint64 heads_a_kv_head; /* of which a rank has one at least; 0: attention is latent */
  gint64 widths[3];       /* fields behind heads; the first is kv_heads where it is not latent */
} Architecture;

enum { DEEPSEEK_HEADS = 128 };

/* MiniMax-M3's 16 heads a KV head are collect_msa_module.py's; it picks 16 blocks of 128 tokens. */
static const Architecture architectures[] = {
    {"DeepseekV3ForCausalLM", OP_MLA, 0, {512, 64, 128}},
    {"DeepseekV2ForCausalLM", OP_MLA, 0, {512, 64, 128}},
    {"DeepseekV32ForCausalLM", OP_MLA, 0, {512, 64, 128}},
    {"GlmMoeDsaForCausalLM", OP_MLA, 0, {512, 64, 256}},
    {"KimiK3ForConditionalGeneration", OP_MLA, 0, {512, 64, 128}},
    {"MiniMaxM3ForCausalLM", OP_ATTENTION_SPARSE, 16, {0, 128, 16 * 128}},
};

static const Architecture *
find_architecture(const char *name, OperationKind operation)
{
  if (*name == '\0' && operation == OP_MLA)
    return &architectures[0];
  for (guint i = 0; i < G_N_ELEMENTS(architectures); i++)
    if (architectures[i].operation == operation && g_str_equal(architectures[i].architecture, name))
      return &architectures[i];
  return NULL;
}

/* The variant of a row: "" for the kernels of attention alone, else that of the whole block. */
static char *
block_variant(CsvTable *table, const char *architecture)
{
  const char *products = aiconfigurator_text(table, "gemm_type");
  gboolean is_shared =
      g_str_has_suffix(aiconfigurator_text(table, "op_name"), AICONFIGURATOR_SKIPS_INDEXER);

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

/* The heads of one rank: of older tables by how many ranks there are. */
static gint64
heads_of(CsvTable *table, OperationKind operation)
{
  int heads = csv_table_column(table, "num_heads"), column;
  gint64 ranks;

  if (heads >= 0 || operation != OP_MLA) {
    column = csv_table_need(table, "num_heads");
    return column >= 0 ? csv_table_whole(table, column, 1) : 1;
  }
  column = csv_table_need(table, "tp_size");
  ranks = column >= 0 ? csv_table_whole(table, column, 1) : 1;
  if (DEEPSEEK_HEADS % ranks != 0)
    csv_table_fail(table, column, "a divisor of DeepSeek-V3's %d heads", DEEPSEEK_HEADS);
  return MAX(DEEPSEEK_HEADS / ranks, 1);
}

gboolean
aiconfigurator_read_mla(Aiconfigurator *reader, GError **error)
{
  CsvTable *table = reader->table;
  int op = csv_table_need(table, "op_name"), dtype = csv_table_need(table, "mla_dtype");
  int kv = csv_table_need(table, "kv_cache_dtype"), batch = csv_table_need(table, "batch_size");
  int isl = csv_table_need(table, "isl"), latency = csv_table_need(table, "latency");

  while (aiconfigurator_next(reader)) {
    const char *name = csv_table_text(table, op);
    gboolean is_decode = strstr(name, "generation") != NULL;
    OperationKind operation = g_str_has_prefix(name, "msa_") ? OP_ATTENTION_SPARSE : OP_MLA;
    const Architecture *is =
        find_architecture(aiconfigurator_text(table, "architecture"), operation);
    gint64 sequences = csv_table_whole(table, batch, 1), length = csv_table_whole(table, isl, 1);
    gint64 before = aiconfigurator_whole(table, "step"), heads = heads_of(table, operation);
    double time_ms = csv_table_time(table, latency);
    gint64 shape[OPERATION_SHAPE_MAX] = {0};
    g_autofree char *made = NULL, *variant = NULL;
    const char *pair =
        dtype_of_pair(csv_table_text(table, dtype), csv_table_text(table, kv), &made);

    if (operation == OP_ATTENTION_SPARSE)
      csv_table_need(table, "gemm_type"); /* all of them are blocks */
    if (!csv_table_ok(table))
      continue;
    if (is == NULL) {
      leave_out_architecture(reader);
      continue;
    }
    if (is_absorbed_prompt(table, is_decode)) {
      aiconfigurator_leave_out(reader, "prompts' latent attention in the latent space, where "
                                       "servers expand keys and values");
      continue;
    }
    variant = block_variant(table, is->architecture);
    set_batch(shape, is_decode, sequences, length, before);
    shape[5] = heads;
    memcpy(shape + 6, is->widths, sizeof is->widths);
    if (is->heads_a_kv_head > 0)
      shape[6] = MAX(1, heads / is->heads_a_kv_head);
    aiconfigurator_add(reader, operation, variant, pair, shape, time_ms);
  }
  return csv_table_finish(table, error);
}
