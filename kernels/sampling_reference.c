/* Sampling on the CPU.
 *
 * A candidate's weight is exp((logit - largest) / temperature) in units of 2^-40, an integer: sums
 * are exact whatever their order, so the kernel, which never sorts, finds the same token. What
 * weighs less than a unit is never drawn.
 *
 * In falling order, each of the three choices is the first candidate at which a running sum
 * reaches what is needed: the count top_k, then the weight top_p of the whole, then the weight
 * that the uniform number says.
 */
#include "kernels/sampling.h"

#include <math.h>
#include <stdlib.h>

typedef struct {
  float logit;
  int32_t id;
  uint64_t weight;
} Candidate;

/* A NaN is never chosen. */
static float
clean(float logit)
{
  return isnan(logit) ? -INFINITY : logit;
}

static int32_t
largest(const float *logits, size_t vocab)
{
  size_t best = 0;

  for (size_t i = 1; i < vocab; i++)
    if (clean(logits[i]) > clean(logits[best]))
      best = i;
  return (int32_t)best;
}

static uint64_t
weigh(float logit, float top, float temperature)
{
  if (logit == top) /* whether finite or not */
    return UINT64_C(1) << SAMPLING_WEIGHT_BITS;
  return (uint64_t)ldexp(exp(((double)logit - (double)top) / (double)temperature),
                         SAMPLING_WEIGHT_BITS);
}

static int
compare_candidates(const void *a, const void *b)
{
  const Candidate *x = a, *y = b;

  if (x->logit != y->logit)
    return x->logit > y->logit ? -1 : 1;
  return x->id < y->id ? -1 : 1;
}

/* Lists the candidates of a weight above 0, in order; `candidates` has room for the vocabulary. */
static size_t
rank(const float *logits, size_t vocab, float temperature, Candidate *candidates)
{
  const float top = clean(logits[largest(logits, vocab)]);
  size_t count = 0;

  for (size_t i = 0; i < vocab; i++) {
    float logit = clean(logits[i]);
    uint64_t weight = weigh(logit, top, temperature);
    if (weight > 0)
      candidates[count++] = (Candidate){.logit = logit, .id = (int32_t)i, .weight = weight};
  }
  qsort(candidates, count, sizeof *candidates, compare_candidates);
  return count;
}

static uint64_t
sum_weights(const Candidate *candidates, size_t count)
{
  uint64_t sum = 0;

  for (size_t i = 0; i < count; i++)
    sum += candidates[i].weight;
  return sum;
}

/* How many candidates, from the first on, have the needed weight together. */
static size_t
take(const Candidate *candidates, size_t count, uint64_t needed)
{
  uint64_t sum = 0;

  for (size_t i = 0; i < count; i++) {
    sum += candidates[i].weight;
    if (sum >= needed)
      return i + 1;
  }
  return count;
}

static int32_t
sample_row(const float *logits, size_t vocab, const SamplingParams *params, float uniform,
           Candidate *candidates)
{
  size_t count = rank(logits, vocab, params->temperature, candidates);

  if (params->top_k > 0 && params->top_k < count)
    count = params->top_k;
  if (params->top_p < 1) {
    uint64_t kept = sum_weights(candidates, count);
    uint64_t needed = (uint64_t)ceil((double)params->top_p * (double)kept);
    count = take(candidates, count, needed);
  }
  uint64_t needed = (uint64_t)((double)uniform * (double)sum_weights(candidates, count)) + 1;
  return candidates[take(candidates, count, needed) - 1].id;
}

void
sample_reference(const float *logits, size_t num_rows, size_t vocab, size_t row_stride,
                 const SamplingParams *params, const float *uniforms, int32_t *tokens)
{
  Candidate *candidates = NULL;

  if (params->temperature > 0) {
    candidates = malloc(vocab * sizeof *candidates);
    if (candidates == NULL)
      abort();
  }
  for (size_t row = 0; row < num_rows; row++, logits += row_stride)
    tokens[row] = candidates == NULL ? largest(logits, vocab)
                                     : sample_row(logits, vocab, params, uniforms[row], candidates);
  free(candidates);
}
