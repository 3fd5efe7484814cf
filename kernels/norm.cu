/* RMS norms on the GPU: of rows, of rows with a residual added, of the heads of rows.
 *
 * A row stays in registers between the sum of its squares and the scaling: read once, written once.
 * A short row, such as a head, is computed by a warp, a longer one by a thread block, with as many
 * vectors in each thread as the row needs. The grid may be smaller than the number of rows.
 */
#include "kernels/transformer.h"

#include <cuda_runtime.h>

#include "kernels/cuda_status.h"
#include "kernels/device.h"
#include "kernels/vector.h"

namespace
{

constexpr unsigned THREADS = 256;
constexpr unsigned WARP_LANES = 32;
constexpr unsigned WARPS = THREADS / WARP_LANES;
constexpr unsigned HALF_BYTES = 2;
constexpr unsigned ROW_VECTORS_MAX = 16; /* a thread */
constexpr unsigned BLOCKS_MAX = 1u << 30;

struct Norm {
  const char *in;
  char *residual; /* NULL: none is added */
  const uint4 *weight;
  char *out;
  size_t num_norms;
  size_t row_stride_bytes; /* of in and out */
  size_t residual_stride_bytes;
  unsigned norms_per_row;
  unsigned norm_bytes;
  unsigned num_vectors; /* of a norm */
  float width, epsilon;
};

__device__ float
sum_of_warp(float value)
{
#pragma unroll
  for (unsigned bit = WARP_LANES / 2; bit > 0; bit /= 2)
    value += __shfl_xor_sync(0xffffffff, value, bit);
  return value;
}

/* The sum over the threads that share a row. */
template <unsigned lanes>
__device__ float
sum_of_lanes(float value)
{
  __shared__ float sums[WARPS];

  value = sum_of_warp(value);
  if (lanes == WARP_LANES)
    return value;
  __syncthreads(); /* the sums of the row before have been read */
  if (threadIdx.x % WARP_LANES == 0)
    sums[threadIdx.x / WARP_LANES] = value;
  __syncthreads();
  value = 0;
#pragma unroll
  for (unsigned warp = 0; warp < WARPS; warp++)
    value += sums[warp];
  return value;
}

/* Loads a vector of the input; with a residual, adds the input to it, stores and returns the sum.
 */
template <Dtype dtype>
__device__ uint4
load_sum(const Norm &n, size_t place, size_t residual_place)
{
  float values[VECTOR_ELEMENTS], more[VECTOR_ELEMENTS];
  const uint4 loaded = *(const uint4 *)(n.in + place);

  if (n.residual == NULL)
    return loaded;
  uint4 *kept = (uint4 *)(n.residual + residual_place);
  vector_unpack<dtype>(loaded, values);
  vector_unpack<dtype>(*kept, more);
#pragma unroll
  for (unsigned e = 0; e < VECTOR_ELEMENTS; e++)
    values[e] += more[e];
  *kept = vector_pack<dtype>(values);
  return *kept;
}

template <Dtype dtype>
__device__ float
sum_squares(const uint4 &vector)
{
  float values[VECTOR_ELEMENTS], sum = 0;

  vector_unpack<dtype>(vector, values);
#pragma unroll
  for (unsigned e = 0; e < VECTOR_ELEMENTS; e++)
    sum += values[e] * values[e];
  return sum;
}

template <Dtype dtype>
__device__ uint4
scale_vector(const uint4 &vector, const uint4 &weight, float scale)
{
  float values[VECTOR_ELEMENTS], factors[VECTOR_ELEMENTS];

  vector_unpack<dtype>(vector, values);
  vector_unpack<dtype>(weight, factors);
#pragma unroll
  for (unsigned e = 0; e < VECTOR_ELEMENTS; e++)
    values[e] *= scale * factors[e];
  return vector_pack<dtype>(values);
}

/* Norms, each by `lanes` threads with `vectors` of its vectors each. */
template <Dtype dtype, unsigned lanes, unsigned vectors>
__global__ void
__launch_bounds__(THREADS, 2) norm_rows(const Norm n)
{
  device_begin();
  constexpr unsigned AT_ONCE = THREADS / lanes;
  const unsigned lane = threadIdx.x % lanes;
  uint4 held[vectors];

  for (size_t norm = (size_t)blockIdx.x * AT_ONCE + threadIdx.x / lanes; norm < n.num_norms;
       norm += (size_t)gridDim.x * AT_ONCE) {
    const size_t row = norm / n.norms_per_row;
    const size_t within = norm % n.norms_per_row * n.norm_bytes;
    const size_t place = row * n.row_stride_bytes + within;
    float squares = 0;
#pragma unroll
    for (unsigned v = 0; v < vectors; v++)
      if (v * lanes + lane < n.num_vectors) {
        const size_t offset = (v * lanes + lane) * VECTOR_BYTES;
        held[v] = load_sum<dtype>(n, place + offset, row * n.residual_stride_bytes + offset);
        squares += sum_squares<dtype>(held[v]);
      }
    const float scale = rsqrtf(sum_of_lanes<lanes>(squares) / n.width + n.epsilon);
#pragma unroll
    for (unsigned v = 0; v < vectors; v++)
      if (v * lanes + lane < n.num_vectors)
        *(uint4 *)(n.out + place + (v * lanes + lane) * VECTOR_BYTES) =
            scale_vector<dtype>(held[v], __ldg(&n.weight[v * lanes + lane]), scale);
  }
}

template <Dtype dtype, unsigned lanes, unsigned vectors>
cudaError_t
launch(const Norm &n, cudaStream_t stream)
{
  const size_t at_once = THREADS / lanes;
  const size_t blocks = (n.num_norms + at_once - 1) / at_once;

  return device_launch(norm_rows<dtype, lanes, vectors>,
                       dim3((unsigned)(blocks < BLOCKS_MAX ? blocks : BLOCKS_MAX)), THREADS, 0,
                       stream, n);
}

template <Dtype dtype>
cudaError_t
launch_for_width(const Norm &n, cudaStream_t stream)
{
  if (n.num_vectors <= WARP_LANES)
    return launch<dtype, WARP_LANES, 1>(n, stream);
  if (n.num_vectors <= 2 * THREADS)
    return launch<dtype, THREADS, 2>(n, stream);
  if (n.num_vectors <= 4 * THREADS)
    return launch<dtype, THREADS, 4>(n, stream);
  return launch<dtype, THREADS, ROW_VECTORS_MAX>(n, stream);
}

int
run(Dtype dtype, const Norm &n, size_t width, size_t row_stride, cudaStream_t stream)
{
  if (!dtype_is_half(dtype) || !vector_is_whole(width) || !vector_is_whole(row_stride) ||
      n.num_vectors > ROW_VECTORS_MAX * THREADS)
    return cudaErrorInvalidValue;
  if (!vector_is_aligned(n.in) || !vector_is_aligned(n.residual) || !vector_is_aligned(n.weight) ||
      !vector_is_aligned(n.out))
    return cudaErrorMisalignedAddress;
  if (n.num_norms == 0 || width == 0)
    return cudaSuccess;
  return dtype == DTYPE_BF16 ? launch_for_width<DTYPE_BF16>(n, stream)
                             : launch_for_width<DTYPE_FP16>(n, stream);
}

} // namespace

int
residual_rms_norm(Dtype dtype, const void *in, void *residual, const void *weight, size_t num_rows,
                  size_t width, float epsilon, void *out, struct CUstream_st *stream)
{
  const Norm norm = {
      .in = (const char *)in,
      .residual = (char *)residual,
      .weight = (const uint4 *)weight,
      .out = (char *)out,
      .num_norms = num_rows,
      .row_stride_bytes = width * HALF_BYTES,
      .residual_stride_bytes = width * HALF_BYTES,
      .norms_per_row = 1,
      .norm_bytes = 0,
      .num_vectors = (unsigned)(width / VECTOR_ELEMENTS),
      .width = (float)width,
      .epsilon = epsilon,
  };

  return run(dtype, norm, width, width, stream);
}

int
rms_norm(Dtype dtype, const void *in, const void *weight, size_t num_rows, size_t width,
         float epsilon, void *out, struct CUstream_st *stream)
{
  return residual_rms_norm(dtype, in, NULL, weight, num_rows, width, epsilon, out, stream);
}

int
head_rms_norm(Dtype dtype, void *rows, const void *weight, size_t num_rows, size_t row_stride,
              uint32_t num_heads, uint32_t head_dim, float epsilon, struct CUstream_st *stream)
{
  const Norm norm = {
      .in = (const char *)rows,
      .residual = NULL,
      .weight = (const uint4 *)weight,
      .out = (char *)rows,
      .num_norms = num_rows * num_heads,
      .row_stride_bytes = row_stride * HALF_BYTES,
      .residual_stride_bytes = 0,
      .norms_per_row = num_heads,
      .norm_bytes = head_dim * HALF_BYTES,
      .num_vectors = head_dim / VECTOR_ELEMENTS,
      .width = (float)head_dim,
      .epsilon = epsilon,
  };

  return run(dtype, norm, head_dim, row_stride, stream);
}
