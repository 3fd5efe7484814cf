/* The small operations of a decoder layer on the CPU: the kernels' reference, and the CPU
 * executor's. */
#include "kernels/transformer.h"

#include <math.h>
#include <string.h>

void
embedding_reference(const float *table, const int32_t *ids, size_t num_rows, size_t width,
                    float *out)
{
  for (size_t row = 0; row < num_rows; row++)
    memcpy(out + row * width, table + (size_t)ids[row] * width, width * sizeof *out);
}

static void
norm_row(const float *in, const float *weight, size_t width, float epsilon, float *out)
{
  double squares = 0;

  for (size_t i = 0; i < width; i++)
    squares += (double)in[i] * (double)in[i];
  double scale = 1 / sqrt(squares / (double)width + (double)epsilon);
  for (size_t i = 0; i < width; i++)
    out[i] = (float)((double)in[i] * scale * (double)weight[i]);
}

void
rms_norm_reference(const float *in, const float *weight, size_t num_rows, size_t width,
                   float epsilon, float *out)
{
  for (size_t row = 0; row < num_rows; row++)
    norm_row(in + row * width, weight, width, epsilon, out + row * width);
}

void
head_rms_norm_reference(float *rows, const float *weight, size_t num_rows, size_t row_stride,
                        uint32_t num_heads, uint32_t head_dim, float epsilon)
{
  for (size_t row = 0; row < num_rows; row++)
    for (uint32_t head = 0; head < num_heads; head++) {
      float *place = rows + row * row_stride + (size_t)head * head_dim;
      norm_row(place, weight, head_dim, epsilon, place);
    }
}

void
residual_rms_norm_reference(const float *in, float *residual, const float *weight, size_t num_rows,
                            size_t width, float epsilon, float *out)
{
  for (size_t i = 0; i < num_rows * width; i++)
    residual[i] += in[i];
  rms_norm_reference(residual, weight, num_rows, width, epsilon, out);
}

void
bias_reference(float *in, const float *bias, size_t num_rows, size_t width, size_t row_stride)
{
  for (size_t row = 0; row < num_rows; row++, in += row_stride)
    for (size_t i = 0; i < width; i++)
      in[i] += bias[i];
}

static void
rotate_head(float *head, const float *cos_sin, uint32_t rotary_dim)
{
  const uint32_t half = rotary_dim / 2;

  for (uint32_t d = 0; d < half; d++) {
    double cosine = (double)cos_sin[d], sine = (double)cos_sin[half + d];
    double x = (double)head[d], y = (double)head[half + d];
    head[d] = (float)(x * cosine - y * sine);
    head[half + d] = (float)(y * cosine + x * sine);
  }
}

void
rope_reference(float *rows, const float *cos_sin, const int32_t *positions, size_t num_rows,
               size_t row_stride, uint32_t num_heads, uint32_t head_dim, uint32_t rotary_dim)
{
  for (size_t row = 0; row < num_rows; row++)
    for (uint32_t head = 0; head < num_heads; head++)
      rotate_head(rows + row * row_stride + (size_t)head * head_dim,
                  cos_sin + (size_t)positions[row] * rotary_dim, rotary_dim);
}

void
silu_gate_reference(const float *gate_up, size_t num_rows, size_t width, float *out)
{
  for (size_t row = 0; row < num_rows; row++, gate_up += 2 * width, out += width)
    for (size_t i = 0; i < width; i++) {
      double gate = (double)gate_up[i];
      out[i] = (float)(gate / (1 + exp(-gate)) * (double)gate_up[width + i]);
    }
}
