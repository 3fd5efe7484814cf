/* How the elements of a matrix are kept: their width, and the scales beside them.
 *
 * A group of group_rows outputs by group_columns inputs shares one scale (and one zero point): FP8
 * by tensor has one group, by channel a group a row, by block 128 x 128; AWQ and GPTQ have a group
 * of 128 inputs a row, NVFP4 of 16, MXFP4 of 32. input_bytes is what an engine keeps besides for
 * each input of a matrix (the order in which GPTQ's kernels read the inputs).
 */
#pragma once

#include <glib.h>

typedef struct {
  const char *name; /* static: "float16", "fp8", "fp8_block", "int4", "nvfp4" … */
  guint32 bits;     /* an element: 16, 8 or 4 */
  guint32 group_rows, group_columns; /* that share a scale; 0: all there are */
  guint32 scale_bits, zero_bits;     /* a group; 0: there are none */
  guint32 input_bytes;               /* an input */
} WeightFormat;

/* Bytes of one matrix of n outputs and k inputs: of its elements, of all beside them, of both. */
static inline guint64
weight_format_element_bytes(const WeightFormat *format, guint64 n, guint64 k)
{
  guint64 elements = n * k;

  return elements / 8 * format->bits + (elements % 8 * format->bits + 7) / 8;
}

static inline guint64
weight_format_scale_bytes(const WeightFormat *format, guint64 n, guint64 k)
{
  guint64 rows = format->group_rows > 0 ? (n + format->group_rows - 1) / format->group_rows : 1;
  guint64 columns =
      format->group_columns > 0 ? (k + format->group_columns - 1) / format->group_columns : 1;

  return (rows * columns * (format->scale_bits + format->zero_bits) + 7) / 8 +
         k * format->input_bytes;
}

static inline guint64
weight_format_bytes(const WeightFormat *format, guint64 n, guint64 k)
{
  return weight_format_element_bytes(format, n, k) + weight_format_scale_bytes(format, n, k);
}

static inline gboolean
weight_format_equal(const WeightFormat *a, const WeightFormat *b)
{
  return g_str_equal(a->name, b->name) && a->bits == b->bits && a->group_rows == b->group_rows &&
         a->group_columns == b->group_columns && a->scale_bits == b->scale_bits &&
         a->zero_bits == b->zero_bits && a->input_bytes == b->input_bytes;
}
