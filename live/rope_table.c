#include "rope_table.h"

#include <math.h>

static double
llama3_frequency(const RopeConfig *rope, double frequency)
{
  double turns = rope->original_position * frequency / (2 * G_PI);
  double blend = (turns - rope->low_freq_factor) / (rope->high_freq_factor - rope->low_freq_factor);

  blend = CLAMP(blend, 0, 1);
  return (1 - blend) * frequency / rope->factor + blend * frequency;
}

/* The index of the frequency that makes so many turns within the original length. */
static double
yarn_index(const RopeConfig *rope, guint32 head_dim, double turns)
{
  return head_dim * log(rope->original_position / (turns * 2 * G_PI)) / (2 * log(rope->theta));
}

static double
yarn_frequency(const RopeConfig *rope, guint32 head_dim, guint32 i, double frequency)
{
  double low = MAX(floor(yarn_index(rope, head_dim, rope->beta_fast)), 0);
  double high = MIN(ceil(yarn_index(rope, head_dim, rope->beta_slow)), head_dim - 1.0);
  double stretch;

  if (high == low)
    high += 0.001;
  stretch = CLAMP((i - low) / (high - low), 0, 1);
  return stretch * frequency / rope->factor + (1 - stretch) * frequency;
}

static double
frequency_of(const RopeConfig *rope, guint32 head_dim, guint32 i)
{
  double frequency = pow(rope->theta, -2.0 * i / head_dim);

  switch (rope->kind) {
  case ROPE_LINEAR:
    return frequency / rope->factor;
  case ROPE_LLAMA3:
    return llama3_frequency(rope, frequency);
  case ROPE_YARN:
    return yarn_frequency(rope, head_dim, i, frequency);
  case ROPE_PLAIN:
    break;
  }
  return frequency;
}

float *
rope_table_new(const RopeConfig *rope, guint32 head_dim, guint32 positions)
{
  float *table = g_new(float, (gsize)positions *head_dim);
  double scale = rope->kind == ROPE_YARN ? rope->attention_factor : 1;
  guint32 half = head_dim / 2;

  for (guint32 i = 0; i < half; i++) {
    double frequency = frequency_of(rope, head_dim, i);
    for (guint32 p = 0; p < positions; p++) {
      float *row = table + (gsize)p * head_dim;
      row[i] = (float)(scale * cos(p * frequency));
      row[half + i] = (float)(scale * sin(p * frequency));
    }
  }
  return table;
}
