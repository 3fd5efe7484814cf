/* aiconfigurator's tables of products, experts, states and collectives, as operations.
 *
 *   gemm_dtype,m,n,k
 *   quant_dtype,m,k
 *   nccl_dtype or allreduce_dtype,num_gpus,message_size
 *   moe_dtype,num_tokens,hidden_size,inter_size,topk,num_experts,moe_tp_size,moe_ep_size,distribution
 *   phase,batch_size,seq_len,d_model,d_conv, then of Mamba 2 d_state,nheads,head_dim,n_groups,
 *   chunk_size, or of gated delta num_k_heads,head_k_dim,num_v_heads,head_v_dim
 *
 * message_size counts elements: as bytes, NCCL's float16 would reach half the bus bandwidth of its
 * int8, and as elements both reach the links'. inter_size is an expert's before it is split.
 */
#include "aiconfigurator.h"

#include <string.h>

gboolean
aiconfigurator_read_gemm(Aiconfigurator *reader, GError **error)
{
  CsvTable *table = reader->table;
  int dtype = csv_table_need(table, "gemm_dtype"), m = csv_table_need(table, "m");
  int n = csv_table_need(table, "n"), k = csv_table_need(table, "k");
  int latency = csv_table_need(table, "latency");

  while (aiconfigurator_next(reader)) {
    const gint64 shape[] = {
        csv_table_whole(table, m, 1),
        csv_table_whole(table, n, 1),
        csv_table_whole(table, k, 1),
    };
    double time_ms = csv_table_time(table, latency);
    if (csv_table_ok(table))
      aiconfigurator_add(reader, OP_GEMM, "", import_dtype(csv_table_text(table, dtype)), shape,
                         time_ms);
  }
  aiconfigurator_drop_launches(reader);
  return csv_table_finish(table, error);
}

/* The scale of a product's input, and dividing by it. Rows of fp8 products hold the division, and
 * of vLLM 0.24 the scale (doc/imports.md). */
gboolean
aiconfigurator_read_quantize(Aiconfigurator *reader, GError **error)
{
  CsvTable *table = reader->table;
  int op = csv_table_need(table, "op_name"), dtype = csv_table_need(table, "quant_dtype");
  int m = csv_table_need(table, "m"), k = csv_table_need(table, "k");
  int latency = csv_table_need(table, "latency");

  while (aiconfigurator_next(reader)) {
    const gint64 shape[] = {csv_table_whole(table, m, 1), csv_table_whole(table, k, 1)};
    double time_ms = csv_table_number(table, latency);
    gboolean is_scale = g_str_equal(csv_table_text(table, op), "compute_scale");
    if (csv_table_ok(table) && time_ms == 0)
      aiconfigurator_leave_out(reader, "quantizing with a time of 0");
    else if (csv_table_ok(table))
      aiconfigurator_add(reader, OP_ELEMENTWISE,
                         is_scale ? ELEMENTWISE_QUANTIZE_SCALE : ELEMENTWISE_QUANTIZE,
                         import_dtype(csv_table_text(table, dtype)), shape, time_ms);
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

gboolean
aiconfigurator_read_collectives(Aiconfigurator *reader, GError **error)
{
  CsvTable *table = reader->table;
  int nccl = csv_table_column(table, "nccl_dtype");
  int dtype = nccl >= 0 ? nccl : csv_table_need(table, "allreduce_dtype");
  int kernel = csv_table_need(table, "kernel_source");
  int gpus = csv_table_need(table, "num_gpus"), message = csv_table_need(table, "message_size");
  int latency = csv_table_need(table, "latency");

  while (aiconfigurator_next(reader)) {
    const char *name = import_dtype(csv_table_text(table, dtype));
    const char *source = csv_table_text(table, kernel);
    gint64 elements = csv_table_whole(table, message, 1), ranks = csv_table_whole(table, gpus, 2);
    double time_ms = csv_table_time(table, latency);
    const gint64 shape[] = {elements * element_bytes(name), ranks};
    if (shape[0] == 0)
      csv_table_fail(table, dtype, "half, float16, bfloat16, float32, int8 or fp8");
    if (!csv_table_ok(table))
      continue;
    if (g_str_equal(source, "oneCCL")) {
      aiconfigurator_leave_out(reader, "the all_reduce of oneCCL, which no engine here calls");
      continue;
    }
    aiconfigurator_add(reader, OP_ALL_REDUCE, all_reduce_variant(source), name, shape, time_ms);
  }
  return csv_table_finish(table, error);
}

gboolean
aiconfigurator_read_moe(Aiconfigurator *reader, GError **error)
{
  static const char *const names[] = {"num_tokens",  "hidden_size", "inter_size", "topk",
                                      "num_experts", "moe_tp_size", "moe_ep_size"};
  CsvTable *table = reader->table;
  int dtype = csv_table_need(table, "moe_dtype"), columns[G_N_ELEMENTS(names)];
  int distribution = csv_table_need(table, "distribution");
  int latency = csv_table_need(table, "latency");

  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    columns[i] = csv_table_need(table, names[i]);
  while (aiconfigurator_next(reader)) {
    gint64 shape[OPERATION_SHAPE_MAX] = {0};
    double time_ms = csv_table_time(table, latency);
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
      shape[i] = csv_table_whole(table, columns[i], 1);
    if (csv_table_ok(table))
      aiconfigurator_add(reader, OP_MOE, csv_table_text(table, distribution),
                         import_dtype(csv_table_text(table, dtype)), shape, time_ms);
  }
  return csv_table_finish(table, error);
}

/* Columns of a layer with a state, in the order of OP_RECURRENT from groups on; NULL: 0. */
typedef struct {
  const char *groups, *state, *heads, *dim, *conv, *chunk;
} StateColumns;

static const StateColumns mamba_columns = {"n_groups", "d_state", "nheads",
                                           "head_dim", "d_conv",  "chunk_size"};
static const StateColumns delta_columns = {"num_k_heads", "head_k_dim", "num_v_heads",
                                           "head_v_dim",  "d_conv",     NULL};

static gint64
state_field(CsvTable *table, const char *column)
{
  return column != NULL ? csv_table_whole(table, csv_table_need(table, column), 1) : 0;
}

/* vLLM's and SGLang's whole step of a KDA decode. */
static gboolean
holds_convolution(const char *kernel)
{
  return g_str_equal(kernel, "fused_kda_decode") || g_str_equal(kernel, "kda_fused_decode");
}

gboolean
aiconfigurator_read_recurrent(Aiconfigurator *reader, GError **error)
{
  CsvTable *table = reader->table;
  int op = csv_table_need(table, "op_name"), kernel = csv_table_need(table, "kernel_source");
  int phase = csv_table_need(table, "phase"), batch = csv_table_need(table, "batch_size");
  int length = csv_table_need(table, "seq_len"), hidden = csv_table_need(table, "d_model");
  int latency = csv_table_need(table, "latency");
  const StateColumns *state =
      csv_table_column(table, "d_state") >= 0 ? &mamba_columns : &delta_columns;

  while (aiconfigurator_next(reader)) {
    gboolean is_decode = g_str_equal(csv_table_text(table, phase), "generation");
    g_autofree char *variant =
        g_strdup_printf("%s/%s/%s", csv_table_text(table, op), csv_table_text(table, kernel),
                        is_decode ? "decode" : "prefill");
    const gint64 shape[] = {
        csv_table_whole(table, batch, 1),  is_decode ? 1 : csv_table_whole(table, length, 1),
        csv_table_whole(table, hidden, 1), state_field(table, state->groups),
        state_field(table, state->state),  state_field(table, state->heads),
        state_field(table, state->dim),    state_field(table, state->conv),
        state_field(table, state->chunk),
    };
    double time_ms = csv_table_time(table, latency);
    if (!csv_table_ok(table))
      continue;
    if (!is_decode && !g_str_equal(csv_table_text(table, phase), "context"))
      aiconfigurator_leave_out(reader, "checking drafted tokens, which no cost asks for");
    else if (holds_convolution(csv_table_text(table, kernel)))
      aiconfigurator_leave_out(reader,
                               "a decode's convolution and state in one kernel (the kernels "
                               "of each stand for it)");
    else
      aiconfigurator_add(reader, OP_RECURRENT, variant, "bfloat16", shape, time_ms);
  }
  aiconfigurator_drop_launches(reader);
  return csv_table_finish(table, error);
}
