/* The small operations of a decoder layer on the GPU. All are bound by memory: each thread moves 16
 * bytes at a time, coalesced, and computes in float.
 *
 * A thread block has one row, or a part of one (grid: row, part), so that no index needs a division
 * by a row's length. */
#include "kernels/transformer.h"

#include <cuda_runtime.h>

#include "kernels/cuda_status.h"
#include "kernels/device.h"
#include "kernels/vector.h"

namespace
{

constexpr unsigned THREADS = 256;
constexpr unsigned HALF_BYTES = 2;
constexpr size_t ROW_ELEMENTS_MAX = (size_t)65535 * THREADS * VECTOR_ELEMENTS; /* of the grid's y */

/* The grid of num_rows rows of row_items vectors: rows along x, a row's parts along y. */
dim3
rows_grid(size_t num_rows, size_t row_items)
{
  return dim3((unsigned)num_rows, (unsigned)((row_items + THREADS - 1) / THREADS));
}

__device__ unsigned
item_of_row()
{
  return blockIdx.y * THREADS + threadIdx.x;
}

__global__ void
__launch_bounds__(THREADS)
    embed(const uint4 *table, const int32_t *ids, unsigned row_vectors, uint4 *out)
{
  device_begin();
  const unsigned item = item_of_row();

  if (item < row_vectors)
    out[(size_t)blockIdx.x * row_vectors + item] =
        __ldg(&table[(size_t)ids[blockIdx.x] * row_vectors + item]);
}

template <Dtype dtype>
__global__ void
__launch_bounds__(THREADS)
    add_bias(uint4 *in, const uint4 *bias, unsigned row_vectors, size_t row_stride_vectors)
{
  device_begin();
  const unsigned item = item_of_row();
  float values[VECTOR_ELEMENTS], more[VECTOR_ELEMENTS];

  if (item >= row_vectors)
    return;
  uint4 *place = &in[(size_t)blockIdx.x * row_stride_vectors + item];
  vector_unpack<dtype>(*place, values);
  vector_unpack<dtype>(__ldg(&bias[item]), more);
#pragma unroll
  for (unsigned e = 0; e < VECTOR_ELEMENTS; e++)
    values[e] += more[e];
  *place = vector_pack<dtype>(values);
}

template <Dtype dtype>
__global__ void
__launch_bounds__(THREADS) gate_by_silu(const uint4 *gate_up, unsigned row_vectors, uint4 *out)
{
  device_begin();
  const unsigned item = item_of_row();
  float gate[VECTOR_ELEMENTS], up[VECTOR_ELEMENTS];

  if (item >= row_vectors)
    return;
  const uint4 *row = gate_up + (size_t)blockIdx.x * 2 * row_vectors;
  vector_unpack<dtype>(__ldcs(&row[item]), gate);
  vector_unpack<dtype>(__ldcs(&row[row_vectors + item]), up);
#pragma unroll
  for (unsigned e = 0; e < VECTOR_ELEMENTS; e++)
    gate[e] = gate[e] / (1 + __expf(-gate[e])) * up[e];
  out[(size_t)blockIdx.x * row_vectors + item] = vector_pack<dtype>(gate);
}

struct Rotation {
  char *rows;
  const float *cos_sin;
  const int32_t *positions;
  size_t row_stride_bytes;
  unsigned head_bytes;
  unsigned half;        /* pairs of a head */
  unsigned head_groups; /* of 8 pairs, of a head */
  unsigned row_groups;
};

/* Eight pairs a thread: a vector of each half of a head. */
template <Dtype dtype>
__global__ void
__launch_bounds__(THREADS) rotate(const Rotation r)
{
  device_begin();
  const unsigned item = item_of_row();
  float x[VECTOR_ELEMENTS], y[VECTOR_ELEMENTS], cosines[VECTOR_ELEMENTS], sines[VECTOR_ELEMENTS];

  if (item >= r.row_groups)
    return;
  const unsigned head = item / r.head_groups, pair = item % r.head_groups * VECTOR_ELEMENTS;
  uint4 *first = (uint4 *)(r.rows + blockIdx.x * r.row_stride_bytes + head * r.head_bytes) +
                 pair / VECTOR_ELEMENTS;
  uint4 *second = first + r.half / VECTOR_ELEMENTS;
  const float *angles = r.cos_sin + (size_t)r.positions[blockIdx.x] * 2 * r.half + pair;
  vector_load_floats(angles, cosines);
  vector_load_floats(angles + r.half, sines);
  vector_unpack<dtype>(*first, x);
  vector_unpack<dtype>(*second, y);
#pragma unroll
  for (unsigned e = 0; e < VECTOR_ELEMENTS; e++) {
    const float turned = x[e] * cosines[e] - y[e] * sines[e];
    y[e] = y[e] * cosines[e] + x[e] * sines[e];
    x[e] = turned;
  }
  *first = vector_pack<dtype>(x);
  *second = vector_pack<dtype>(y);
}

/* 0 for aligned rows of whole vectors of a 16-bit type, else the error to return. */
int
check_rows(Dtype dtype, size_t num_rows, size_t width, size_t row_stride, const void *in,
           const void *out)
{
  if (!dtype_is_half(dtype) || !vector_is_whole(width) || !vector_is_whole(row_stride) ||
      num_rows > INT32_MAX || width > ROW_ELEMENTS_MAX)
    return cudaErrorInvalidValue;
  if (!vector_is_aligned(in) || !vector_is_aligned(out))
    return cudaErrorMisalignedAddress;
  return cudaSuccess;
}

} // namespace

int
embedding(Dtype dtype, const void *table, const int32_t *ids, size_t num_rows, size_t width,
          void *out, struct CUstream_st *stream)
{
  const unsigned row_vectors = (unsigned)(width / VECTOR_ELEMENTS);

  RETURN_IF_FAILED(check_rows(dtype, num_rows, width, width, table, out));
  if (num_rows == 0 || width == 0)
    return cudaSuccess;
  return device_launch(embed, rows_grid(num_rows, row_vectors), THREADS, 0, stream,
                       (const uint4 *)table, ids, row_vectors, (uint4 *)out);
}

int
bias(Dtype dtype, void *in, const void *bias, size_t num_rows, size_t width, size_t row_stride,
     struct CUstream_st *stream)
{
  const unsigned row_vectors = (unsigned)(width / VECTOR_ELEMENTS);

  RETURN_IF_FAILED(check_rows(dtype, num_rows, width, row_stride, in, bias));
  if (num_rows == 0 || width == 0)
    return cudaSuccess;
  return device_launch(dtype == DTYPE_BF16 ? add_bias<DTYPE_BF16> : add_bias<DTYPE_FP16>,
                       rows_grid(num_rows, row_vectors), THREADS, 0, stream, (uint4 *)in,
                       (const uint4 *)bias, row_vectors, row_stride / VECTOR_ELEMENTS);
}

int
rope(Dtype dtype, void *rows, const float *cos_sin, const int32_t *positions, size_t num_rows,
     size_t row_stride, uint32_t num_heads, uint32_t head_dim, uint32_t rotary_dim,
     struct CUstream_st *stream)
{
  const unsigned head_groups = rotary_dim / 2 / VECTOR_ELEMENTS;
  const Rotation rotation = {
      .rows = (char *)rows,
      .cos_sin = cos_sin,
      .positions = positions,
      .row_stride_bytes = row_stride * HALF_BYTES,
      .head_bytes = head_dim * HALF_BYTES,
      .half = rotary_dim / 2,
      .head_groups = head_groups,
      .row_groups = num_heads * head_groups,
  };

  if (rotary_dim > head_dim || rotary_dim % (2 * VECTOR_ELEMENTS) != 0)
    return cudaErrorInvalidValue;
  RETURN_IF_FAILED(check_rows(dtype, num_rows, head_dim, row_stride, rows, cos_sin));
  if (num_rows == 0 || rotation.row_groups == 0)
    return cudaSuccess;
  return device_launch(dtype == DTYPE_BF16 ? rotate<DTYPE_BF16> : rotate<DTYPE_FP16>,
                       rows_grid(num_rows, rotation.row_groups), THREADS, 0, stream, rotation);
}

int
silu_gate(Dtype dtype, const void *gate_up, size_t num_rows, size_t width, void *out,
          struct CUstream_st *stream)
{
  const unsigned row_vectors = (unsigned)(width / VECTOR_ELEMENTS);

  RETURN_IF_FAILED(check_rows(dtype, num_rows, width, width, gate_up, out));
  if (num_rows == 0 || width == 0)
    return cudaSuccess;
  return device_launch(dtype == DTYPE_BF16 ? gate_by_silu<DTYPE_BF16> : gate_by_silu<DTYPE_FP16>,
                       rows_grid(num_rows, row_vectors), THREADS, 0, stream, (const uint4 *)gate_up,
                       row_vectors, (uint4 *)out);
}
