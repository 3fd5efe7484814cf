/* Attention's plan and launcher: a batch's prefills and decodes run by kernels of their own, and a
 * third kernel merges what was computed in pieces. */
#include "kernels/attention_kernels.h"
#include "kernels/attention_layout.h"
#include "kernels/without.h"

#include <stdlib.h>
#include <string.h>

struct AttentionPlan {
  bool has_wgmma, maps_blocks;
  uint32_t heads, kv_heads, head_dim, num_sequences;
  uint32_t tile_rows; /* of prefills */
  DecodeWays decode_ways;
  PlanLayout layout;
  unsigned char *data;
};

namespace
{

constexpr size_t ALIGNED_ELEMENTS = 8; /* of 16 bits */

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

/* The prefill kernel: two thread blocks of the portable one run at once on a multiprocessor, one of
 * that for compute capability 9.0. Estimates, in the time of a tile of 128 rows and keys, which the
 * latter's thread block computes in 1.2 us and the former's in 7: a piece's 66 KB of partial
 * results are written at 20 GB/s, and the merging kernel takes 4 us. */
PrefillWays
prefill_ways(const AttentionDevice *device, uint32_t head_dim)
{
  const bool is_wide = device->has_wgmma && device->widens_tiles && head_dim == 64;

  return {
      .tile_rows = is_wide ? PREFILL_WIDE_ROWS : PREFILL_ROWS,
      .places = device->has_wgmma ? device->multiprocessors : 2 * device->multiprocessors,
      .is_persistent = device->has_wgmma,
      .may_cut = device->cuts_prefills,
      .piece_tiles = device->has_wgmma ? 2.5 : 0.5,
      .merge_tiles = device->has_wgmma ? 3.5 : 0.6,
  };
}

DecodeWays
decode_ways(const AttentionDevice *device, uint32_t heads, uint32_t kv_heads)
{
  return {
      .cut = device->levels_decodes ? DECODE_LISTS : DECODE_WAVES,
      .thread_blocks_per_piece = attention_decode_thread_blocks(heads, kv_heads),
      .multiprocessors = device->multiprocessors,
  };
}

bool
fill(AttentionPlan *plan, const PrefillPlan *prefills, const DecodePlan *decodes)
{
  const PlanLayout *layout = &plan->layout;

  plan->layout = make_layout(prefills, decodes);
  plan->data = new_data(layout);
  if (plan->data == nullptr)
    return false;
  put(plan->data, layout->items, prefills->items, prefills->num_items);
  put(plan->data, layout->item_starts, prefills->starts, count_starts(prefills->num_lists));
  put(plan->data, layout->prefill_merges, prefills->merges, prefills->num_merges);
  put_decodes(plan->data, layout, decodes);
  return true;
}

bool
make(AttentionPlan *plan, const AttentionDevice *device, const AttentionBatch *batch)
{
  const PrefillWays ways = prefill_ways(device, plan->head_dim);
  const PrefillBatch prefill_batch = {
      .query_starts = batch->query_starts,
      .context_lens = batch->context_lens,
      .num_sequences = batch->num_sequences,
      .heads = plan->heads,
      .kv_heads = plan->kv_heads,
      .head_dim = plan->head_dim,
  };
  const DecodeBatch decode_batch = {
      .query_starts = batch->query_starts,
      .context_lens = batch->context_lens,
      .num_sequences = batch->num_sequences,
  };
  PrefillPlan prefills = {};
  DecodePlan decodes = {};
  const bool is_made = prefill_plan_make(&prefills, &prefill_batch, &ways) &&
                       decode_plan_make(&decodes, &decode_batch, &plan->decode_ways) &&
                       fill(plan, &prefills, &decodes);

  plan->tile_rows = ways.tile_rows;
  prefill_plan_clear(&prefills);
  decode_plan_clear(&decodes);
  return is_made;
}

/* Prefills and decodes run one after the other, and share the workspace. */
size_t
workspace_bytes(const PlanLayout *layout, uint32_t tile_rows, uint32_t heads, uint32_t head_dim)
{
  const size_t rows = (size_t)layout->prefills.num_partials * tile_rows;
  const size_t decode_rows = (size_t)layout->decodes.num_partials * heads;

  return (rows > decode_rows ? rows : decode_rows) * (head_dim * sizeof(float) + sizeof(float2));
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

AttentionPartials
make_partials(void *workspace, size_t num_partials, uint32_t rows, uint32_t head_dim)
{
  float *values = (float *)workspace;

  return {
      .values = values,
      .totals = (float2 *)(values + num_partials * rows * head_dim),
      .rows = rows,
  };
}

PackedHeads
pack_heads(uint32_t count)
{
  return {.count = count, .reciprocal = ((1u << 31) - 1) / count + 1};
}

cudaError_t
run_merges(Dtype dtype, const AttentionArguments &arguments, const AttentionPlan *plan,
           const unsigned char *merges, uint32_t num_merges, uint32_t packed_heads,
           const AttentionPartials &partials, cudaStream_t stream)
{
  const MergeWork work = {
      .merges = (const AttentionMerge *)merges,
      .num_merges = num_merges,
      .packed = pack_heads(packed_heads),
      .partials = partials,
  };

  return num_merges == 0 ? cudaSuccess
                         : attention_merge_launch(dtype, plan->head_dim, arguments, work, stream);
}

cudaError_t
run_prefills(Dtype dtype, const AttentionArguments &arguments, const AttentionPlan *plan,
             const unsigned char *data, void *workspace, cudaStream_t stream)
{
  const PlanLayout *layout = &plan->layout;
  const PrefillPlan *prefills = &layout->prefills;
  const PrefillWork work = {
      .items = (const PrefillItem *)(data + layout->items),
      .starts = (const uint32_t *)(data + layout->item_starts),
      .num_items = prefills->num_items,
      .num_lists = prefills->num_lists,
      .tile_rows = plan->tile_rows,
      .packed = pack_heads(prefills->packed_heads),
      .partials = make_partials(workspace, prefills->num_partials, plan->tile_rows, plan->head_dim),
  };

  if (prefills->num_items == 0)
    return cudaSuccess;
  const cudaError_t status =
      plan->has_wgmma ? attention_prefill_sm90_launch(dtype, plan->head_dim, arguments, work,
                                                      plan->maps_blocks, stream)
                      : attention_prefill_launch(dtype, plan->head_dim, arguments, work, stream);
  return status != cudaSuccess
             ? status
             : run_merges(dtype, arguments, plan, data + layout->prefill_merges,
                          prefills->num_merges, prefills->packed_heads, work.partials, stream);
}

cudaError_t
run_decodes(Dtype dtype, const AttentionArguments &arguments, const AttentionPlan *plan,
            const unsigned char *data, void *workspace, cudaStream_t stream)
{
  const PlanLayout *layout = &plan->layout;
  const DecodePlan *decodes = &layout->decodes;
  const DecodeWork work = {
      .pieces = (const DecodePiece *)(data + layout->pieces),
      .starts = (const uint32_t *)(data + layout->piece_starts),
      .num_lists = decodes->num_lists,
      .partials = make_partials(workspace, decodes->num_partials, plan->heads, plan->head_dim),
  };

  if (decodes->num_pieces == 0)
    return cudaSuccess;
  const cudaError_t status =
      attention_decode_launch(dtype, plan->head_dim, arguments, work, stream);
  return status != cudaSuccess
             ? status
             : run_merges(dtype, arguments, plan, data + layout->decode_merges, decodes->num_merges,
                          plan->heads, work.partials, stream);
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
  device->cuts_prefills = !kernels_without(WITHOUT_PREFILL_CUTS);
  device->levels_decodes = !kernels_without(WITHOUT_DECODE_LISTS);
  device->widens_tiles = !kernels_without(WITHOUT_WIDE_TILES);
  device->maps_blocks = !kernels_without(WITHOUT_TENSOR_MAPS);
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
  made->has_wgmma = device->has_wgmma;
  made->maps_blocks = device->maps_blocks;
  made->heads = shape->heads;
  made->kv_heads = kv->kv_heads;
  made->head_dim = kv->head_dim;
  made->num_sequences = batch->num_sequences;
  made->decode_ways = decode_ways(device, shape->heads, kv->kv_heads);
  if (!make(made, device, batch)) {
    attention_plan_free(made);
    return cudaErrorMemoryAllocation;
  }
  *plan = made;
  return cudaSuccess;
}

bool
attention_plan_is_cut(const AttentionPlan *plan)
{
  return plan->layout.decodes.is_cut;
}

int
attention_plan_pad(AttentionPlan *plan, uint32_t num_sequences)
{
  const PlanLayout *layout = &plan->layout;
  const DecodePlan *decodes = &layout->decodes;
  DecodePlan most = {};

  most.num_pieces = most.num_lists = num_sequences;
  if (attention_plan_is_cut(plan))
    most = decode_plan_most(num_sequences, &plan->decode_ways);
  if (layout->prefills.num_items > 0 || num_sequences < plan->num_sequences ||
      most.num_pieces < decodes->num_pieces || most.num_lists < decodes->num_lists)
    return cudaErrorInvalidValue;

  const PlanLayout padded = make_layout(&layout->prefills, &most);
  unsigned char *data = new_data(&padded);
  DecodePlan present = *decodes;
  if (data == nullptr)
    return cudaErrorMemoryAllocation;
  present.pieces = (DecodePiece *)(plan->data + layout->pieces);
  present.starts = (uint32_t *)(plan->data + layout->piece_starts);
  present.merges = (AttentionMerge *)(plan->data + layout->decode_merges);
  put_decodes(data, &padded, &present);
  free(plan->data);
  plan->data = data;
  plan->layout = padded;
  plan->num_sequences = num_sequences;
  return cudaSuccess;
}

void
attention_plan_most_bytes(const AttentionDevice *device, const AttentionShape *shape,
                          const PagedKv *kv, uint32_t num_rows, uint32_t num_sequences,
                          size_t *data_bytes, size_t *most_workspace_bytes)
{
  const PrefillWays ways = prefill_ways(device, kv->head_dim);
  const DecodeWays of_decodes = decode_ways(device, shape->heads, kv->kv_heads);
  const PrefillPlan prefills = prefill_plan_most(num_rows, num_sequences, shape->heads, &ways);
  const DecodePlan cut = decode_plan_most(num_sequences, &of_decodes);
  DecodePlan decodes = cut; /* what is not cut has a list a sequence */

  if (decodes.num_lists < num_sequences)
    decodes.num_lists = num_sequences;
  const PlanLayout layout = make_layout(&prefills, &decodes);
  *data_bytes = layout.data_bytes;
  *most_workspace_bytes = workspace_bytes(&layout, ways.tile_rows, shape->heads, kv->head_dim);
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
  *num_bytes = plan->layout.data_bytes;
  return plan->data;
}

size_t
attention_plan_workspace_bytes(const AttentionPlan *plan)
{
  return workspace_bytes(&plan->layout, plan->tile_rows, plan->heads, plan->head_dim);
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
  cudaError_t status = run_prefills(dtype, arguments, plan, data, workspace, stream);
  if (status == cudaSuccess)
    status = run_decodes(dtype, arguments, plan, data, workspace, stream);
  return status;
}
