/* xoshiro256** and the distributions that traces need. Called by lengths.c and gen.c.
 *
 * Every value is a fixed sequence of additions, multiplications, divisions and square roots, which
 * IEEE 754 rounds the same way everywhere as long as no product and sum are fused: GCC's C17 mode
 * does not fuse, and the pragma forbids it to Clang.
 */
#include "random.h"

#include "sim/mix.h"

#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

static guint64
splitmix64(guint64 *state)
{
  return mix64(*state += MIX64_STEP);
}

void
random_init(RandomStream *stream, guint64 seed, guint64 purpose)
{
  guint64 state = seed, mixed = splitmix64(&state) ^ purpose;

  for (guint i = 0; i < G_N_ELEMENTS(stream->state); i++)
    stream->state[i] = splitmix64(&mixed);
}

static guint64
rotate_left(guint64 x, int bits)
{
  return x << bits | x >> (64 - bits);
}

guint64
random_bits(RandomStream *stream)
{
  guint64 *s = stream->state;
  guint64 result = rotate_left(s[1] * 5, 7) * 9, t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

/* Uniform in (0, 1). */
static double
random_unit(RandomStream *stream)
{
  return ((double)(random_bits(stream) >> 12) + 0.5) / 4503599627370496.0; /* 2^52 */
}

guint64
random_below(RandomStream *stream, guint64 n)
{
  guint64 limit = G_MAXUINT64 - G_MAXUINT64 % n, bits;

  do
    bits = random_bits(stream);
  while (bits >= limit);
  return bits % n;
}

/* x = m * 2^e with m near 1, and log m = 2 artanh((m - 1) / (m + 1)). */
double
portable_log(double x)
{
  guint64 bits;
  double m, s, sum = 0;
  int e;

  memcpy(&bits, &x, sizeof bits);
  e = (int)(bits >> 52) - 1023;
  bits = (bits & G_GUINT64_CONSTANT(0xfffffffffffff)) | G_GUINT64_CONSTANT(0x3ff0000000000000);
  memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m /= 2;
    e++;
  }
  s = (m - 1) / (m + 1);
  for (int n = 25; n >= 1; n -= 2)
    sum = sum * s * s + 1.0 / n;
  return 2 * s * sum + e * 0.6931471805599453;
}

/* e^x = 2^k e^r with |r| <= log(2) / 2. */
double
portable_exp(double x)
{
  double k, r, sum = 1, power;
  guint64 bits;

  if (x < -690)
    return 0;
  g_assert(x <= 700);
  k = floor(x / 0.6931471805599453 + 0.5);
  r = x - k * 0.693147180369123816490; /* log 2 in two parts, the first short enough to be exact */
  r = r - k * 1.90821492927058770002e-10;
  for (int n = 16; n >= 1; n--)
    sum = 1 + sum * r / n;
  bits = (guint64)(1023 + (gint64)k) << 52;
  memcpy(&power, &bits, sizeof power);
  return sum * power;
}

/* Marsaglia's polar method; the second value of a pair is dropped, so a stream has no hidden state.
 */
double
random_normal(RandomStream *stream)
{
  double u, v, q;

  do {
    u = 2 * random_unit(stream) - 1;
    v = 2 * random_unit(stream) - 1;
    q = u * u + v * v;
  } while (q >= 1);
  return u * sqrt(-2 * portable_log(q) / q);
}

double
random_exponential(RandomStream *stream)
{
  return -portable_log(random_unit(stream));
}

/* Marsaglia and Tsang's method (2000); a shape below 1 comes from shape + 1 by a power of a
 * uniform. */
double
random_gamma(RandomStream *stream, double shape)
{
  double larger = shape < 1 ? shape + 1 : shape, d = larger - 1.0 / 3, c = 1 / sqrt(9 * d);
  double boost = shape < 1 ? portable_exp(portable_log(random_unit(stream)) / shape) : 1;

  for (;;) {
    double x = random_normal(stream), v = 1 + c * x, u;
    if (v <= 0)
      continue;
    v = v * v * v;
    u = random_unit(stream);
    if (portable_log(u) < 0.5 * x * x + d - d * v + d * portable_log(v))
      return d * v * boost / shape;
  }
}
