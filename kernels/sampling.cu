/* Sampling on the GPU: a thread block for each row, and no sort.
 *
 * Candidates have a total order: falling logits, then ids. The first candidate at which a running
 * sum (of counts or of weights) reaches a given amount is found digit by digit, as in a radix
 * select: a histogram of the candidates that share the digits found so far says in which bin the
 * sum is reached. Weights are integers, so sums do not depend on the order in which threads add.
 *
 *     digits    bin of (largest - logit) | logit's bits (11, 11, 10) | id (11, 11)
 *
 * The first digit spreads a row evenly over the bins, where the leading bits of floats would put
 * everything into a few; its histogram serves all three searches, and is the only one for which
 * every candidate is weighed.
 */
#include "kernels/sampling.h"

#include <cuda_runtime.h>

#include "kernels/cuda_status.h"
#include "kernels/device.h"
#include "kernels/vector.h"

namespace
{

constexpr unsigned THREADS = 1024;
constexpr unsigned WARP_LANES = 32;
constexpr unsigned WARPS = THREADS / WARP_LANES;
constexpr unsigned BINS = 2048;
constexpr unsigned THREAD_BINS = BINS / THREADS;
constexpr unsigned DIGIT_BITS = 11;
constexpr unsigned NUM_DIGITS = 6;
constexpr float BINS_PER_WEIGHT_BIT = (float)BINS / (float)SAMPLING_WEIGHT_BITS;

struct Sampling {
  const uint4 *logits;
  const float *uniforms;
  int32_t *tokens;
  size_t row_stride_vectors;
  unsigned vocab;
  unsigned top_k;
  float temperature, top_p;
};

/* How many candidates, and what they weigh. */
struct Amount {
  uint64_t weight;
  uint32_t count;
};

/* 64 bits of weight as two words, for shared memory adds words only. */
struct Histogram {
  uint32_t low[BINS], high[BINS], count[BINS];
};

struct Shared {
  Histogram first, digit;
  Amount warp_amounts[WARPS];
  uint64_t warp_tops[WARPS];
  Amount before; /* of the bin that was found */
  unsigned bin;
  int32_t id;
};

struct Row {
  const uint4 *logits;
  unsigned vocab;
  float top, temperature;
  float bin_scale;
};

/* Unsigned bits in the order of the floats, without NaN; both zeros are equal. */
__device__ uint32_t
ordered_bits(float value)
{
  const uint32_t bits = __float_as_uint(value == 0 ? 0.f : value);

  return bits & 0x80000000 ? ~bits : bits | 0x80000000;
}

__device__ float
clean(float logit)
{
  return logit != logit ? -INFINITY : logit;
}

template <Dtype dtype, typename Use>
__device__ void
for_each_logit(const uint4 *logits, unsigned vocab, Use use)
{
  for (unsigned v = threadIdx.x; v * VECTOR_ELEMENTS < vocab; v += THREADS) {
    float values[VECTOR_ELEMENTS];
    vector_unpack<dtype>(__ldg(&logits[v]), values);
#pragma unroll
    for (unsigned e = 0; e < VECTOR_ELEMENTS; e++)
      if (v * VECTOR_ELEMENTS + e < vocab)
        use(v * VECTOR_ELEMENTS + e, clean(values[e]));
  }
}

/* The largest logit's ordered bits, and below them the complement of its id, so that the lowest id
 * wins a tie. */
template <Dtype dtype>
__device__ uint64_t
find_top(const Sampling &s, const uint4 *logits, Shared *shared)
{
  uint64_t top = 0;

  for_each_logit<dtype>(logits, s.vocab, [&](unsigned id, float logit) {
    top = max(top, (uint64_t)ordered_bits(logit) << 32 | (uint32_t)~id);
  });
#pragma unroll
  for (unsigned bit = WARP_LANES / 2; bit > 0; bit /= 2)
    top = max(top, __shfl_xor_sync(0xffffffff, top, bit));
  if (threadIdx.x % WARP_LANES == 0)
    shared->warp_tops[threadIdx.x / WARP_LANES] = top;
  __syncthreads();
  for (unsigned warp = 0; warp < WARPS; warp++)
    top = max(top, shared->warp_tops[warp]);
  return top;
}

__device__ uint64_t
weigh(const Row &row, float logit)
{
  constexpr double UNITS = (double)(UINT64_C(1) << SAMPLING_WEIGHT_BITS);

  if (logit == row.top)
    return UINT64_C(1) << SAMPLING_WEIGHT_BITS;
  return (uint64_t)(exp(((double)logit - (double)row.top) / (double)row.temperature) * UNITS);
}

/* The candidate's digit at a level: smaller ones come first. */
__device__ unsigned
digit_of(const Row &row, unsigned level, unsigned id, float logit)
{
  const uint32_t bits = ~ordered_bits(logit);

  switch (level) {
  case 0: {
    const float bin = logit == row.top ? 0 : (row.top - logit) * row.bin_scale;
    return bin < BINS - 1 ? (unsigned)bin : BINS - 1;
  }
  case 1:
    return bits >> (32 - DIGIT_BITS);
  case 2:
    return bits >> (32 - 2 * DIGIT_BITS) & (BINS - 1);
  case 3:
    return bits & ((1 << (32 - 2 * DIGIT_BITS)) - 1);
  case 4:
    return id >> DIGIT_BITS;
  default:
    return id & (BINS - 1);
  }
}

__device__ bool
has_digits(const Row &row, const unsigned *digits, unsigned num_digits, unsigned id, float logit)
{
  for (unsigned level = 0; level < num_digits; level++)
    if (digit_of(row, level, id, logit) != digits[level])
      return false;
  return true;
}

__device__ void
clear(Histogram *histogram)
{
  for (unsigned bin = threadIdx.x; bin < BINS; bin += THREADS)
    histogram->low[bin] = histogram->high[bin] = histogram->count[bin] = 0;
  __syncthreads();
}

__device__ void
add_candidate(Histogram *histogram, unsigned bin, uint64_t weight)
{
  const uint32_t low = (uint32_t)weight;
  const uint32_t before = atomicAdd(&histogram->low[bin], low);

  atomicAdd(&histogram->high[bin], (uint32_t)(weight >> 32) + (before + low < before));
  atomicAdd(&histogram->count[bin], 1u);
}

/* A histogram, by digit `level`, of the candidates that have the first `level` digits. */
template <Dtype dtype>
__device__ void
count_digit(const Row &row, const unsigned *digits, unsigned level, Histogram *histogram)
{
  clear(histogram);
  for_each_logit<dtype>(row.logits, row.vocab, [&](unsigned id, float logit) {
    if (!has_digits(row, digits, level, id, logit))
      return;
    const uint64_t weight = weigh(row, logit);
    if (weight > 0)
      add_candidate(histogram, digit_of(row, level, id, logit), weight);
  });
  __syncthreads();
}

__device__ Amount
amount_of_bin(const Histogram *histogram, unsigned bin)
{
  return {(uint64_t)histogram->high[bin] << 32 | histogram->low[bin], histogram->count[bin]};
}

__device__ Amount
sum(const Amount &a, const Amount &b)
{
  return {a.weight + b.weight, a.count + b.count};
}

/* What all threads before this one hold. */
__device__ Amount
sum_before(const Amount &mine, Shared *shared)
{
  const unsigned lane = threadIdx.x % WARP_LANES, warp = threadIdx.x / WARP_LANES;
  Amount upto = mine, before = {0, 0};

#pragma unroll
  for (unsigned by = 1; by < WARP_LANES; by *= 2) {
    const Amount other = {__shfl_up_sync(0xffffffff, upto.weight, by),
                          __shfl_up_sync(0xffffffff, upto.count, by)};
    if (lane >= by)
      upto = sum(upto, other);
  }
  if (lane == WARP_LANES - 1)
    shared->warp_amounts[warp] = upto;
  __syncthreads();
  for (unsigned w = 0; w < warp; w++)
    before = sum(before, shared->warp_amounts[w]);
  return {before.weight + upto.weight - mine.weight, before.count + upto.count - mine.count};
}

__device__ uint64_t
reached(const Amount &amount, bool by_count)
{
  return by_count ? amount.count : amount.weight;
}

/* Sets shared->bin to the bin at which `start` and the bins up to it reach `needed`, and
 * shared->before to the sum before that bin. All bins together reach it. */
__device__ void
find_bin(const Histogram *histogram, const Amount &start, bool by_count, uint64_t needed,
         Shared *shared)
{
  const unsigned first = threadIdx.x * THREAD_BINS;
  Amount mine = {0, 0};

  for (unsigned bin = first; bin < first + THREAD_BINS; bin++)
    mine = sum(mine, amount_of_bin(histogram, bin));
  Amount before = sum(start, sum_before(mine, shared));
  for (unsigned bin = first; bin < first + THREAD_BINS; bin++) {
    const Amount upto = sum(before, amount_of_bin(histogram, bin));
    if (reached(before, by_count) < needed && reached(upto, by_count) >= needed) {
      shared->bin = bin;
      shared->before = before;
    }
    before = upto;
  }
  __syncthreads();
}

/* The first candidate at which the sum reaches what is needed, 1 at least and not more than there
 * is: what it and those before it amount to; its id into shared->id. */
template <Dtype dtype>
__device__ Amount
find_candidate(const Row &row, bool by_count, uint64_t needed, Shared *shared)
{
  unsigned digits[NUM_DIGITS];
  Amount before = {0, 0}, found = {0, 0};

  for (unsigned level = 0; level < NUM_DIGITS && found.count != 1; level++) {
    Histogram *histogram = level == 0 ? &shared->first : &shared->digit;
    if (level > 0)
      count_digit<dtype>(row, digits, level, histogram);
    find_bin(histogram, before, by_count, needed, shared);
    before = shared->before;
    found = amount_of_bin(histogram, shared->bin);
#pragma unroll
    for (unsigned l = 0; l < NUM_DIGITS; l++)
      if (l >= level)
        digits[l] = l == level ? shared->bin : UINT32_MAX;
    __syncthreads();
  }
  for_each_logit<dtype>(row.logits, row.vocab, [&](unsigned id, float logit) {
    for (unsigned level = 0; level < NUM_DIGITS; level++)
      if (digits[level] != UINT32_MAX && digit_of(row, level, id, logit) != digits[level])
        return;
    if (weigh(row, logit) > 0)
      shared->id = (int32_t)id;
  });
  __syncthreads();
  return sum(before, found);
}

__device__ Amount
sum_bins(const Histogram *histogram, Shared *shared)
{
  Amount mine = {0, 0};

  for (unsigned bin = 0; bin < THREAD_BINS; bin++)
    mine = sum(mine, amount_of_bin(histogram, threadIdx.x * THREAD_BINS + bin));
  const Amount before = sum_before(mine, shared);
  if (threadIdx.x == THREADS - 1)
    shared->before = sum(before, mine);
  __syncthreads();
  const Amount all = shared->before;
  __syncthreads();
  return all;
}

template <Dtype dtype>
__device__ int32_t
choose(const Sampling &s, const Row &row, float uniform, Shared *shared)
{
  count_digit<dtype>(row, NULL, 0, &shared->first);
  Amount kept = sum_bins(&shared->first, shared);
  if (s.top_k > 0 && s.top_k < kept.count)
    kept = find_candidate<dtype>(row, true, s.top_k, shared);
  if (s.top_p < 1) {
    const uint64_t needed = (uint64_t)ceil((double)s.top_p * (double)kept.weight);
    kept = find_candidate<dtype>(row, false, needed > 0 ? needed : 1, shared);
  }
  find_candidate<dtype>(row, false, (uint64_t)((double)uniform * (double)kept.weight) + 1, shared);
  return shared->id;
}

template <Dtype dtype>
__global__ void
__launch_bounds__(THREADS) sample_rows(const Sampling s)
{
  device_begin();
  Shared *shared = (Shared *)device_shared_memory();
  const uint4 *logits = s.logits + blockIdx.x * s.row_stride_vectors;
  const uint64_t top = find_top<dtype>(s, logits, shared);
  int32_t token = (int32_t) ~(uint32_t)top;

  if (s.temperature > 0) {
    const uint32_t bits = (uint32_t)(top >> 32);
    const Row row = {
        .logits = logits,
        .vocab = s.vocab,
        .top = __uint_as_float(bits & 0x80000000 ? bits & 0x7fffffff : ~bits),
        .temperature = s.temperature,
        .bin_scale = BINS_PER_WEIGHT_BIT * 1.442695f / s.temperature,
    };
    token = choose<dtype>(s, row, s.uniforms[blockIdx.x], shared);
  }
  if (threadIdx.x == 0)
    s.tokens[blockIdx.x] = token;
}

} // namespace

int
sample(Dtype dtype, const void *logits, size_t num_rows, size_t vocab, size_t row_stride,
       const SamplingParams *params, const float *uniforms, int32_t *tokens,
       struct CUstream_st *stream)
{
  const Sampling sampling = {
      .logits = (const uint4 *)logits,
      .uniforms = uniforms,
      .tokens = tokens,
      .row_stride_vectors = row_stride / VECTOR_ELEMENTS,
      .vocab = (unsigned)vocab,
      .top_k = params->top_k,
      .temperature = params->temperature,
      .top_p = params->top_p,
  };

  if (!dtype_is_half(dtype) || vocab == 0 || vocab > SAMPLING_VOCAB_MAX || row_stride < vocab ||
      !vector_is_whole(row_stride) || num_rows > INT32_MAX)
    return cudaErrorInvalidValue;
  if (!vector_is_aligned(logits))
    return cudaErrorMisalignedAddress;
  if (num_rows == 0)
    return cudaSuccess;
  return device_launch(dtype == DTYPE_BF16 ? sample_rows<DTYPE_BF16> : sample_rows<DTYPE_FP16>,
                       dim3((unsigned)num_rows), THREADS, sizeof(Shared), stream, sampling);
}
