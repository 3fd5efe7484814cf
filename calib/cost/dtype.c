#include "dtype.h"

#include <string.h>

enum { FP8_BLOCK_ROWS = 128 };

/* "bfloat16" → 16, "fp8_block" → 8, "int4" → 4; of "bfloat16+fp8kv" that of the first. 0 for a
 * dtype that is not known. */
static guint32
dtype_bits(const char *dtype)
{
  static const struct {
    const char *prefix;
    guint32 bits;
  } known[] = {
      {"bfloat16", 16}, {"float16", 16}, {"half", 16}, {"bf16", 16},  {"fp16", 16},
      {"float32", 32},  {"fp8", 8},      {"int8", 8},  {"float8", 8}, {"int4", 4},
      {"nvfp4", 4},     {"mxfp4", 4},    {"fp4", 4},   {"w4a", 4},
  };

  for (guint i = 0; i < G_N_ELEMENTS(known); i++)
    if (g_str_has_prefix(dtype, known[i].prefix))
      return known[i].bits;
  return 0;
}

WeightFormat
dtype_format(const char *dtype)
{
  guint32 bits = dtype_bits(dtype);

  return (WeightFormat){
      .name = g_str_equal(dtype, "nvfp4") ? "nvfp4" : "",
      .bits = bits > 0 ? bits : 16,
      .group_rows = g_str_has_suffix(dtype, "_block") ? FP8_BLOCK_ROWS : 0,
  };
}

const char *
dtype_of_activations(const Model *model)
{
  return g_str_equal(model->dtype, "float16") ? "float16" : "bfloat16";
}

const char *
dtype_of_head(const Model *model)
{
  return model->head_format.name != NULL ? model->head_format.name : dtype_of_activations(model);
}

const char *
dtype_of_attention(const Model *model)
{
  gboolean is_half = g_str_equal(dtype_of_activations(model), "float16");

  if (model->kv_bits == 8)
    return is_half ? "float16+fp8kv" : "bfloat16+fp8kv";
  return is_half ? "float16" : "bfloat16";
}

/* The dtype of the same width and rate; NULL: there is none. */
static const char *
stand_in(const char *dtype)
{
  static const char *const pairs[][2] = {{"bfloat16", "float16"},
                                         {"bfloat16+fp8kv", "float16+fp8kv"}};

  for (guint i = 0; i < G_N_ELEMENTS(pairs); i++)
    for (guint side = 0; side < 2; side++)
      if (g_str_equal(dtype, pairs[i][side]))
        return pairs[i][1 - side];
  return NULL;
}

gboolean
dtype_is_stand_in(const char *dtype, const char *asked)
{
  return g_strcmp0(stand_in(asked), dtype) == 0;
}

void
dtype_candidates(const char *asked, const char *candidates[DTYPE_CANDIDATES])
{
  static const char *const names[][2] = {
      {"mxfp4", "w4a8_mxfp4_mxfp8"}, {"mxfp4", "w4a16_mxfp4"}, {"int4", "int4_wo"}};
  const char *other = stand_in(asked);
  guint n = 0;

  candidates[n++] = asked;
  candidates[n++] = "";
  if (other != NULL)
    candidates[n++] = other;
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    if (g_str_equal(asked, names[i][0]))
      candidates[n++] = names[i][1];
  g_assert(n < DTYPE_CANDIDATES);
  candidates[n] = NULL;
}

const char *
dtype_serving(const Profile *profile, OperationKind kind, const char *variant, const char *asked)
{
  const char *candidates[DTYPE_CANDIDATES];
  guint n;
  const ProfileSample *samples = profile_samples(profile, kind, &n);

  dtype_candidates(asked, candidates);
  for (guint c = 0; candidates[c] != NULL; c++)
    for (guint i = 0; i < n; i++)
      if (g_str_equal(samples[i].variant, variant) && g_str_equal(samples[i].dtype, candidates[c]))
        return candidates[c];
  return NULL;
}
