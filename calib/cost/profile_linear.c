#include "profile_linear.h"

#include "dtype.h"
#include "gemm_fit.h"
#include "moe_fit.h"

/* One product of a layer; it occurs once in it. */
typedef struct {
  guint64 n, k;
  gboolean shared; /* of the experts that every token passes */
  WeightFormat format;
  const GemmFit *fit; /* NULL: modelled */
} PlainProduct;

typedef struct {
  guint32 layers;
  guint n_products;
  PlainProduct products[LAYER_MATRICES];
  Layer layer; /* whose experts are the rest */
  MoeFit *experts;
} LinearKind;

struct ProfileLinear {
  Device device; /* numbers only */
  guint32 tp;
  ExpertSplit split;
  GHashTable *fits; /* of GemmFit by dtype */
  guint n_kinds;
  LinearKind *kinds;
};

/* The curves of the dtype that serves a format, made once. */
static const GemmFit *
fit_for(const ProfileLinear *self, const Profile *profile, const Device *device, const char *format)
{
  const char *dtype = dtype_serving(profile, OP_GEMM, "", format);
  GemmFit *fit;

  if (dtype == NULL)
    return NULL;
  fit = g_hash_table_lookup(self->fits, dtype);
  if (fit == NULL) {
    fit = gemm_fit_of(profile, device, dtype);
    g_hash_table_insert(self->fits, g_strdup(dtype), fit);
  }
  return fit;
}

const GemmFit *
profile_linear_fit(const ProfileLinear *self, const char *dtype)
{
  return g_hash_table_lookup(self->fits, dtype);
}

/* TRUE if any of its products is served. */
static gboolean
add_kind(ProfileLinear *self, const Profile *profile, const RooflineConfig *config, guint i,
         gboolean without_mixer)
{
  const Layer *layer = &config->model->kinds[i];
  LinearKind *kind = &self->kinds[self->n_kinds++];
  gboolean any = FALSE;
  guint end = layer->n_matrices;

  kind->layers = layer->count;
  kind->layer = *layer;
  if (layer->experts > 0)
    kind->experts = moe_fit_new(profile, config->device, layer, &self->split);
  if (kind->experts != NULL && moe_fit_holds_block(kind->experts))
    end = layer->n_mixer_matrices;
  for (guint j = without_mixer ? layer->n_mixer_matrices : 0; j < end; j++) {
    const Matrix *matrix = &layer->matrices[j];
    PlainProduct *product = &kind->products[kind->n_products];
    if (matrix->copies > 1 || matrix->active == 0)
      continue;
    kind->n_products++;
    *product = (PlainProduct){.n = matrix_rank_n(matrix, &layer->mixer, self->tp),
                              .k = matrix_rank_k(matrix, self->tp),
                              .shared = matrix->shared,
                              .format = matrix->format,
                              .fit = fit_for(self, profile, config->device, matrix->format.name)};
    any |= product->fit != NULL;
  }
  return any || kind->experts != NULL;
}

ProfileLinear *
profile_linear_new(const Profile *profile, const RooflineConfig *config,
                   const ProfileAttention *attention)
{
  ProfileLinear *self = g_new0(ProfileLinear, 1);
  gboolean any = FALSE;

  self->device = *config->device;
  self->tp = config->tensor_parallel_size;
  self->split = roofline_expert_split(config);
  self->fits =
      g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)gemm_fit_free);
  self->kinds = g_new0(LinearKind, config->model->n_kinds);
  for (guint i = 0; i < config->model->n_kinds; i++)
    any |= add_kind(self, profile, config, i,
                    attention != NULL && profile_attention_has_products(attention, i));
  if (any)
    return self;
  profile_linear_free(self);
  return NULL;
}

void
profile_linear_free(ProfileLinear *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_kinds; i++)
    moe_fit_free(self->kinds[i].experts);
  g_free(self->kinds);
  g_hash_table_unref(self->fits);
  g_free(self);
}

static void
add_time(ProfileTime *sum, double ps, gboolean is_served, gboolean measured)
{
  sum->ps += ps;
  sum->measured_ps += is_served && measured ? ps : 0;
  sum->scaled_ps += is_served && !measured ? ps : 0;
}

/* Adds the layer's routed experts, and the shared ones where their kernels run alone. */
static void
add_experts(const ProfileLinear *self, const WhatIf *what_if, const LinearKind *kind,
            guint64 tokens, const ProfileTime *shared, ProfileTime *sum)
{
  gboolean measured = FALSE;
  double ps = kind->experts != NULL ? moe_fit_ps(kind->experts, what_if, tokens, &measured)
                                    : (double)roofline_experts_ps(&self->device, what_if, tokens,
                                                                  &kind->layer, &self->split);

  double both = roofline_experts_together_ps(&self->device, what_if, tokens, &kind->layer,
                                             &self->split, ps, shared->ps);
  double part = both / (ps + shared->ps);

  add_time(sum, ps * part, kind->experts != NULL, measured);
  sum->ps += shared->ps * part;
  sum->measured_ps += shared->measured_ps * part;
  sum->scaled_ps += shared->scaled_ps * part;
}

ProfileTime
profile_linear_time(const ProfileLinear *self, const WhatIf *what_if, guint64 tokens)
{
  ProfileTime sum = {0};

  for (guint i = 0; i < self->n_kinds; i++) {
    const LinearKind *kind = &self->kinds[i];
    ProfileTime layer = {0}, shared = {0};
    for (guint j = 0; j < kind->n_products; j++) {
      const PlainProduct *product = &kind->products[j];
      gboolean measured = FALSE;
      double ps =
          product->fit != NULL
              ? gemm_fit_ps(product->fit, what_if, tokens, product->n, product->k, &measured)
              : (double)roofline_gemm_ps(&self->device, what_if, tokens, product->n, product->k,
                                         &product->format);
      add_time(product->shared ? &shared : &layer, ps, product->fit != NULL, measured);
    }
    if (kind->layer.experts > 0)
      add_experts(self, what_if, kind, tokens, &shared, &layer);
    sum.ps += kind->layers * layer.ps;
    sum.measured_ps += kind->layers * layer.measured_ps;
    sum.scaled_ps += kind->layers * layer.scaled_ps;
  }
  return sum;
}
