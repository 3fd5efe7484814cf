/* Attention's plan and launcher: prefills and decodes of a batch each by their own kernels. */
#include "kernels/attention_kernels.h"

#include <stdlib.h>
#include <string.h>

/* The data that goes to the GPU: tiles, their items in lists, the lists' starts, pieces, merges,
 * each on a multiple of ALIGNMENT_BYTES. */
struct AttentionPlan {
  bool has_wgmma;
  uint32_t multiprocessors;
  uint32_t heads, kv_heads, head_dim, num_sequences;
  uint32_t num_tiles, num_groups;
  uint32_t num_lists; /* of items; 0 where the portable kernel runs */
  DecodeCounts decodes;
  size_t items_offset, starts_offset, pieces_offset, merges_offset, data_bytes;
  unsigned char *data;
};

namespace
{

constexpr size_t ALIGNMENT_BYTES = 16;
constexpr size_t ALIGNED_ELEMENTS = 8; /* of 16 bits */

size_t
aligned(size_t num_bytes)
{
  return (num_bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
}

bool
is_possible(const AttentionShape *shape, const PagedKv *kv)
{
  return (kv->head_dim == 64 || kv->head_dim == 128) && kv->block_size >= 1 &&
         kv->block_size <= 256 && kv->kv_heads > 0 && shape->heads > 0 &&
         shape->heads % kv->kv_heads == 0;
}

bool
is_consistent(const AttentionBatch *batch)
{
  if (batch->query_starts[0] != 0)
    return false;
  for (uint32_t s = 0; s < batch->num_sequences; s++) {
    const int32_t rows = batch->query_starts[s + 1] - batch->query_starts[s];
    if (rows < 0 || batch->context_lens[s] < rows)
      return false;
  }
  return true;
}

bool
is_aligned(const void *place)
{
  return (uintptr_t)place % ALIGNMENT_BYTES == 0;
}

bool
are_aligned(const AttentionShape *shape, const PagedKv *kv, const void *q, const void *out)
{
  return is_aligned(q) && is_aligned(out) && is_aligned(kv->k) && is_aligned(kv->v) &&
         shape->q_row_stride % ALIGNED_ELEMENTS == 0 &&
         shape->out_row_stride % ALIGNED_ELEMENTS == 0 &&
         kv->block_stride % ALIGNED_ELEMENTS == 0 && kv->head_stride % ALIGNED_ELEMENTS == 0 &&
         kv->token_stride % ALIGNED_ELEMENTS == 0;
}

/* Memory for as many tiles, pieces and merges as the plan counts, all of them zero. */
bool
make_room(AttentionPlan *plan)
{
  const size_t items = plan->num_lists > 0 ? (size_t)plan->num_tiles * plan->heads : 0;
  const size_t starts = plan->num_lists > 0 ? plan->num_lists + 1 : 0;

  plan->items_offset = aligned(plan->num_tiles * sizeof(PrefillTile));
  plan->starts_offset = plan->items_offset + aligned(items * sizeof(uint32_t));
  plan->pieces_offset = plan->starts_offset + aligned(starts * sizeof(uint32_t));
  plan->merges_offset =
      plan->pieces_offset + aligned(plan->decodes.num_pieces * sizeof(DecodePiece));
  plan->data_bytes = plan->merges_offset + aligned(plan->decodes.num_merges * sizeof(DecodeMerge));
  plan->data = (unsigned char *)calloc(1, plan->data_bytes + 1); /* of no bytes it may be null */
  return plan->data != nullptr;
}

/* As many lists as there are multiprocessors to work on them. */
uint32_t
count_lists(const AttentionPlan *plan)
{
  const size_t num_items = (size_t)plan->num_tiles * plan->heads;

  if (!plan->has_wgmma)
    return 0;
  return num_items < plan->multiprocessors ? (uint32_t)num_items : plan->multiprocessors;
}

bool
deal(AttentionPlan *plan)
{
  const PrefillItems items = {
      .tiles = (const PrefillTile *)plan->data,
      .num_tiles = plan->num_tiles,
      .heads = plan->heads,
      .kv_heads = plan->kv_heads,
      .num_groups = plan->num_groups,
  };

  return plan->num_lists == 0 ||
         prefill_items_deal(&items, plan->num_lists, (uint32_t *)(plan->data + plan->items_offset),
                            (uint32_t *)(plan->data + plan->starts_offset));
}

/* Fills in all but the lengths of the parts. */
bool
cut(const AttentionBatch *batch, int32_t piece_tokens, AttentionPlan *plan)
{
  plan->num_lists = count_lists(plan);
  if (!make_room(plan))
    return false;

  PrefillTile *tiles = (PrefillTile *)plan->data;
  prefill_plan_cut(batch->query_starts, batch->context_lens, batch->num_sequences, tiles);
  plan->num_groups = prefill_plan_groups(tiles, plan->num_tiles, plan->kv_heads, plan->head_dim);
  decode_plan_cut(batch->query_starts, batch->context_lens, batch->num_sequences, piece_tokens,
                  (DecodePiece *)(plan->data + plan->pieces_offset),
                  (DecodeMerge *)(plan->data + plan->merges_offset));
  return deal(plan);
}

AttentionArguments
make_arguments(const AttentionShape *shape, const AttentionBatch *batch, const PagedKv *kv,
               const void *q, void *out)
{
  const double log2_e = 1.4426950408889634;

  return {
      .q = (const uint16_t *)q,
      .out = (uint16_t *)out,
      .k = (const uint16_t *)kv->k,
      .v = (const uint16_t *)kv->v,
      .q_row_stride = shape->q_row_stride,
      .out_row_stride = shape->out_row_stride,
      .block_stride = kv->block_stride,
      .head_stride = kv->head_stride,
      .token_stride = kv->token_stride,
      .block_size = kv->block_size,
      .heads = shape->heads,
      .kv_heads = kv->kv_heads,
      .query_starts = batch->query_starts,
      .context_lens = batch->context_lens,
      .block_tables = batch->block_tables,
      .block_table_stride = batch->block_table_stride,
      .block_table_stride_place = batch->block_table_stride_place,
      .scale_log2 = (float)(shape->scale * log2_e),
  };
}

cudaError_t
run_prefills(Dtype dtype, const AttentionArguments &arguments, const AttentionPlan *plan,
             const unsigned char *data, cudaStream_t stream)
{
  const PrefillWork work = {
      .tiles = (const PrefillTile *)data,
      .num_tiles = plan->num_tiles,
      .num_groups = plan->num_groups,
      .items = (const uint32_t *)(data + plan->items_offset),
      .starts = (const uint32_t *)(data + plan->starts_offset),
      .num_lists = plan->num_lists,
  };

  if (plan->num_tiles == 0)
    return cudaSuccess;
  return plan->has_wgmma
             ? attention_prefill_sm90_launch(dtype, plan->head_dim, arguments, work, stream)
             : attention_prefill_launch(dtype, plan->head_dim, arguments, work, stream);
}

cudaError_t
run_decodes(Dtype dtype, const AttentionArguments &arguments, const AttentionPlan *plan,
            const unsigned char *data, void *workspace, cudaStream_t stream)
{
  const size_t partials = (size_t)plan->decodes.num_partials * plan->heads;
  float *values = (float *)workspace;
  const DecodeWork work = {
      .pieces = (const DecodePiece *)(data + plan->pieces_offset),
      .merges = (const DecodeMerge *)(data + plan->merges_offset),
      .num_pieces = plan->decodes.num_pieces,
      .num_merges = plan->decodes.num_merges,
      .partials = values,
      .partial_totals = (float2 *)(values + partials * plan->head_dim),
  };

  if (plan->decodes.num_pieces == 0)
    return cudaSuccess;
  return attention_decode_launch(dtype, plan->head_dim, arguments, work, stream);
}

} // namespace

int
attention_device_query(AttentionDevice *device)
{
  int current, major, minor, multiprocessors;
  cudaError_t status = cudaGetDevice(&current);

  if (status == cudaSuccess)
    status = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, current);
  if (status == cudaSuccess)
    status = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, current);
  if (status == cudaSuccess)
    status = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, current);
  if (status != cudaSuccess)
    return status;
  if (major < 8)
    return cudaErrorNotSupported;
  device->multiprocessors = (uint32_t)multiprocessors;
  device->has_wgmma = major == 9 && minor == 0 && getenv(ATTENTION_PORTABLE) == nullptr;
  return cudaSuccess;
}

int
attention_plan_new(const AttentionDevice *device, const AttentionShape *shape, const PagedKv *kv,
                   const AttentionBatch *batch, AttentionPlan **plan)
{
  *plan = nullptr;
  if (!is_possible(shape, kv) || !is_consistent(batch) || device->multiprocessors == 0)
    return cudaErrorInvalidValue;

  AttentionPlan *made = (AttentionPlan *)calloc(1, sizeof *made);
  if (made == nullptr)
    return cudaErrorMemoryAllocation;
  const int32_t piece_tokens = decode_plan_piece_tokens(
      batch->query_starts, batch->context_lens, batch->num_sequences,
      attention_decode_thread_blocks(shape->heads, kv->kv_heads), device->multiprocessors);
  made->has_wgmma = device->has_wgmma;
  made->multiprocessors = device->multiprocessors;
  made->heads = shape->heads;
  made->kv_heads = kv->kv_heads;
  made->head_dim = kv->head_dim;
  made->num_sequences = batch->num_sequences;
  made->num_tiles = (uint32_t)prefill_plan_count(batch->query_starts, batch->num_sequences);
  made->decodes = decode_plan_count(batch->query_starts, batch->context_lens, batch->num_sequences,
                                    piece_tokens);
  if (!cut(batch, piece_tokens, made)) {
    attention_plan_free(made);
    return cudaErrorMemoryAllocation;
  }
  *plan = made;
  return cudaSuccess;
}

bool
attention_plan_is_cut(const AttentionPlan *plan)
{
  return plan->decodes.num_merges > 0;
}

int
attention_plan_pad(AttentionPlan *plan, const AttentionDevice *device, uint32_t num_sequences)
{
  const uint32_t thread_blocks = attention_decode_thread_blocks(plan->heads, plan->kv_heads);
  AttentionPlan padded = *plan;

  padded.num_sequences = num_sequences;
  padded.decodes.num_pieces = num_sequences;
  if (attention_plan_is_cut(plan))
    padded.decodes = decode_plan_most(num_sequences, thread_blocks, device->multiprocessors);
  if (plan->num_tiles > 0 || num_sequences < plan->num_sequences ||
      padded.decodes.num_pieces < plan->decodes.num_pieces)
    return cudaErrorInvalidValue;
  if (!make_room(&padded))
    return cudaErrorMemoryAllocation;
  memcpy(padded.data + padded.pieces_offset, plan->data + plan->pieces_offset,
         plan->decodes.num_pieces * sizeof(DecodePiece));
  memcpy(padded.data + padded.merges_offset, plan->data + plan->merges_offset,
         plan->decodes.num_merges * sizeof(DecodeMerge));
  free(plan->data);
  *plan = padded;
  return cudaSuccess;
}

void
attention_plan_most_bytes(const AttentionDevice *device, const AttentionShape *shape,
                          const PagedKv *kv, uint32_t num_rows, uint32_t num_sequences,
                          size_t *data_bytes, size_t *workspace_bytes)
{
  const DecodeCounts most =
      decode_plan_most(num_sequences, attention_decode_thread_blocks(shape->heads, kv->kv_heads),
                       device->multiprocessors);
  const size_t tiles = num_rows / PREFILL_TILE_ROWS + num_sequences;
  const size_t items = device->has_wgmma ? tiles * shape->heads : 0;
  const size_t starts = device->has_wgmma ? device->multiprocessors + 1 : 0;

  *data_bytes = aligned(tiles * sizeof(PrefillTile)) + aligned(items * sizeof(uint32_t)) +
                aligned(starts * sizeof(uint32_t)) +
                aligned(most.num_pieces * sizeof(DecodePiece)) +
                aligned(most.num_merges * sizeof(DecodeMerge));
  *workspace_bytes =
      (size_t)most.num_partials * shape->heads * (kv->head_dim * sizeof(float) + sizeof(float2));
}

void
attention_plan_free(AttentionPlan *plan)
{
  if (plan != nullptr)
    free(plan->data);
  free(plan);
}

const void *
attention_plan_data(const AttentionPlan *plan, size_t *num_bytes)
{
  *num_bytes = plan->data_bytes;
  return plan->data;
}

size_t
attention_plan_workspace_bytes(const AttentionPlan *plan)
{
  return (size_t)plan->decodes.num_partials * plan->heads *
         (plan->head_dim * sizeof(float) + sizeof(float2));
}

int
attention_run(Dtype dtype, const AttentionShape *shape, const AttentionBatch *batch,
              const PagedKv *kv, const void *q, void *out, const AttentionPlan *plan,
              const void *plan_data, void *workspace, struct CUstream_st *stream)
{
  if ((dtype != DTYPE_FP16 && dtype != DTYPE_BF16) || !is_possible(shape, kv) ||
      !(shape->scale > 0) || shape->heads != plan->heads || kv->kv_heads != plan->kv_heads ||
      kv->head_dim != plan->head_dim || batch->num_sequences != plan->num_sequences)
    return cudaErrorInvalidValue;
  if (!are_aligned(shape, kv, q, out) || !is_aligned(plan_data) || !is_aligned(workspace))
    return cudaErrorMisalignedAddress;

  const AttentionArguments arguments = make_arguments(shape, batch, kv, q, out);
  const unsigned char *data = (const unsigned char *)plan_data;
  cudaError_t status = run_prefills(dtype, arguments, plan, data, stream);
  if (status == cudaSuccess)
    status = run_decodes(dtype, arguments, plan, data, workspace, stream);
  return status;
}
