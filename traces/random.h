/* Random numbers for generated traces: the same on every machine, one stream a purpose.
 *
 * The generator is xoshiro256**, seeded through splitmix64 (Blackman and Vigna, "Scrambled linear
 * pseudorandom number generators", 2021). Logarithm and exponential are computed here with
 * IEEE arithmetic only, as those of math libraries differ in their last bits.
 */
#pragma once

#include <glib.h>

typedef struct {
  guint64 state[4];
} RandomStream;

/* Streams of one seed and different purposes are independent. */
void random_init(RandomStream *stream, guint64 seed, guint64 purpose);

/* 64 random bits. */
guint64 random_bits(RandomStream *stream);
/* 0 … n-1, n at least 1; each equally likely. */
guint64 random_below(RandomStream *stream, guint64 n);
/* Standard normal. */
double random_normal(RandomStream *stream);
/* Exponential, of mean 1. */
double random_exponential(RandomStream *stream);
/* Gamma, of mean 1 and that shape (> 0); the variance is 1 / shape. */
double random_gamma(RandomStream *stream, double shape);

/* Natural logarithm of a positive normal number, and e^x (0 where that is below 1e-300; x <= 700).
 */
double portable_log(double x);
double portable_exp(double x);
