/* Matrix products on the CPU.
 *
 * The order of every sum is fixed, so speed cannot come from splitting one: columns are taken
 * several at a time, each with a sum of its own, and a row of `in` is read once for all of them.
 */
#include "kernels/gemm.h"

enum { COLUMNS = 8 };

static void
dot_columns(const float *in, const float *weights, size_t k, float *out)
{
  double sums[COLUMNS] = {0};

  for (size_t i = 0; i < k; i++)
    for (size_t c = 0; c < COLUMNS; c++)
      sums[c] += (double)in[i] * (double)weights[c * k + i];
  for (size_t c = 0; c < COLUMNS; c++)
    out[c] = (float)sums[c];
}

static float
dot(const float *in, const float *weights, size_t k)
{
  double sum = 0;

  for (size_t i = 0; i < k; i++)
    sum += (double)in[i] * (double)weights[i];
  return (float)sum;
}

void
gemm_reference(const float *in, const float *weights, size_t m, size_t n, size_t k, float *out)
{
  for (size_t row = 0; row < m; row++, in += k, out += n) {
    size_t column = 0;

    for (; column + COLUMNS <= n; column += COLUMNS)
      dot_columns(in, weights + column * k, k, out + column);
    for (; column < n; column++)
      out[column] = dot(in, weights + column * k, k);
  }
}
