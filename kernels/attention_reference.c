/* Attention on the CPU: the kernels' reference, and the CPU executor's.
 *
 * A query row at a time, in the order of its keys, with no tiles: scores, then their largest, then
 * the weights and the weighted sum of the values. All sums are double.
 */
#include "kernels/attention.h"

#include <math.h>
#include <stdlib.h>

/* One query head's row, and the keys that it sees. */
typedef struct {
  const PagedKv *kv;
  const int32_t *block_table;
  uint32_t kv_head;
  uint32_t num_keys;
} Row;

static size_t
token_offset(const Row *row, uint32_t token)
{
  const PagedKv *kv = row->kv;

  return (size_t)row->block_table[token / kv->block_size] * kv->block_stride +
         row->kv_head * kv->head_stride + token % kv->block_size * kv->token_stride;
}

static double
dot(const float *a, const float *b, uint32_t length)
{
  double sum = 0;

  for (uint32_t i = 0; i < length; i++)
    sum += (double)a[i] * b[i];
  return sum;
}

/* Leaves each key's weight in `weights`, and returns their sum. */
static double
weigh_keys(const Row *row, const float *q, double scale, double *weights)
{
  double largest = -INFINITY, sum = 0;

  for (uint32_t token = 0; token < row->num_keys; token++) {
    const float *k = (const float *)row->kv->k + token_offset(row, token);
    weights[token] = scale * dot(q, k, row->kv->head_dim);
    largest = fmax(largest, weights[token]);
  }
  for (uint32_t token = 0; token < row->num_keys; token++) {
    weights[token] = exp(weights[token] - largest);
    sum += weights[token];
  }
  return sum;
}

/* scratch: num_keys + head_dim doubles. */
static void
attend(const Row *row, const float *q, double scale, double *scratch, float *out)
{
  const uint32_t head_dim = row->kv->head_dim;
  double *weights = scratch, *values = scratch + row->num_keys;
  const double weight_sum = weigh_keys(row, q, scale, weights);

  for (uint32_t d = 0; d < head_dim; d++)
    values[d] = 0;
  for (uint32_t token = 0; token < row->num_keys; token++) {
    const float *v = (const float *)row->kv->v + token_offset(row, token);
    for (uint32_t d = 0; d < head_dim; d++)
      values[d] += weights[token] * v[d];
  }
  for (uint32_t d = 0; d < head_dim; d++)
    out[d] = (float)(values[d] / weight_sum);
}

static double *
scratch_new(const AttentionBatch *batch, const PagedKv *kv)
{
  size_t longest = 0;
  double *scratch;

  for (uint32_t s = 0; s < batch->num_sequences; s++)
    if ((size_t)batch->context_lens[s] > longest)
      longest = (size_t)batch->context_lens[s];
  scratch = malloc((longest + kv->head_dim) * sizeof *scratch);
  if (scratch == NULL)
    abort(); /* as GLib does */
  return scratch;
}

void
attention_reference(const AttentionShape *shape, const AttentionBatch *batch, const PagedKv *kv,
                    const float *q, float *out)
{
  double *scratch = scratch_new(batch, kv);

  for (uint32_t s = 0; s < batch->num_sequences; s++) {
    const int32_t first = batch->query_starts[s], end = batch->query_starts[s + 1];
    const int32_t num_cached = batch->context_lens[s] - (end - first);

    for (int32_t i = first; i < end; i++)
      for (uint32_t head = 0; head < shape->heads; head++) {
        const Row row = {
            .kv = kv,
            .block_table = batch->block_tables + (size_t)s * batch->block_table_stride,
            .kv_head = head / (shape->heads / kv->kv_heads),
            .num_keys = (uint32_t)(num_cached + i - first + 1),
        };
        const size_t offset = (size_t)head * kv->head_dim;
        attend(&row, q + (size_t)i * shape->q_row_stride + offset, shape->scale, scratch,
               out + (size_t)i * shape->out_row_stride + offset);
      }
  }
  free(scratch);
}
