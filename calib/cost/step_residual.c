#include "step_residual.h"

#include <string.h>

#include "calib/curve.h"
#include "dtype.h"
#include "sim/units.h"

enum { STEP_NEW, STEP_CACHED, STEP_DECODES, STEP_CONTEXT, STEP_MODEL };

struct StepResidual {
  Curve *curve; /* over tokens */
};

/* Steps are measured of dense models with a KV cache of 16 bits: what another takes beyond its
 * parts is not known from them, though its sizes be the same (Mixtral-8x7B's are those of
 * Llama-3.1-8B). */
static const char *
dtype_of_steps(const Profile *profile, const Model *model, const char *variant)
{
  return model->experts == 0 && model->kv_bits == 16
             ? dtype_serving(profile, OP_STEP, variant, model->dtype)
             : NULL;
}

static gboolean
is_of(const ProfileSample *sample, const Model *model, const char *variant, const char *dtype)
{
  const gint64 sizes[] = {model->layers, model->hidden, model->ffn, model->heads, model->kv_heads};

  return strcmp(sample->variant, variant) == 0 && g_str_equal(sample->dtype, dtype) &&
         memcmp(sample->shape + STEP_MODEL, sizes, sizeof sizes) == 0;
}

static double
sum_of(const ProfileSample *sample, StepSum sum, gpointer data)
{
  const CostChunk chunk = {.tokens = (guint32)sample->shape[STEP_NEW],
                           .cached_tokens = (guint32)sample->shape[STEP_CACHED]};
  guint32 decodes = (guint32)sample->shape[STEP_DECODES], chunks = chunk.tokens > 0;
  const CostShape shape = {
      .prefills = &chunk,
      .n_prefills = chunks,
      .contexts = decode_contexts_equal(decodes, (guint32)sample->shape[STEP_CONTEXT]),
      .sampled = decodes + chunks,
      .sequences = decodes + chunks,
  };

  return sum(data, &shape);
}

static gboolean
is_asked_for(const ProfileSample *sample, StepsOf of)
{
  return of == STEPS_ALL || (sample->shape[STEP_NEW] > 0) == (of == STEPS_OF_CHUNKS);
}

StepResidual *
step_residual_new(const Profile *profile, const Model *model, const char *variant, StepsOf of,
                  StepSum sum, gpointer data)
{
  guint n, kept = 0;
  const ProfileSample *samples = profile_samples(profile, OP_STEP, &n);
  const char *dtype = dtype_of_steps(profile, model, variant);
  g_autofree double *tokens = g_new(double, n);
  g_autofree double *ps = g_new(double, n);
  StepResidual *residual;

  for (guint i = 0; dtype != NULL && i < n; i++) {
    if (!is_of(&samples[i], model, variant, dtype) || !is_asked_for(&samples[i], of))
      continue;
    tokens[kept] = (double)(samples[i].shape[STEP_NEW] + samples[i].shape[STEP_DECODES]);
    ps[kept++] = samples[i].median_ns * PS_PER_NS - sum_of(&samples[i], sum, data);
  }
  if (kept == 0)
    return of != STEPS_ALL ? step_residual_new(profile, model, variant, STEPS_ALL, sum, data)
                           : NULL;
  residual = g_new0(StepResidual, 1);
  residual->curve = curve_new(tokens, ps, kept);
  return residual;
}

void
step_residual_free(StepResidual *residual)
{
  if (residual == NULL)
    return;
  curve_free(residual->curve);
  g_free(residual);
}

double
step_residual_ps(const StepResidual *residual, guint64 tokens, gboolean *inside)
{
  const Curve *curve = residual->curve;
  double x = CLAMP((double)tokens, curve->x[0], curve->x[curve->n - 1]);
  double ps = curve_at(curve, x, inside);

  *inside = x == (double)tokens;
  return (double)tokens > x ? ps * (double)tokens / x : ps;
}
