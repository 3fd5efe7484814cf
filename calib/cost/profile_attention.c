/* The tables that serve each kind of mixer, and their sum over a step.
 *
 * Layers with the same mixer form one part, whatever their feed-forward. A model of one part falls
 * back on the device's roofline. One of several has a roofline for each part: that of the same
 * model without the other layers.
 */
#include "profile_attention.h"

#include "attention_part.h"
#include "dtype.h"
#include "mixer_table.h"
#include "rounding.h"
#include "state_fit.h"

/* Layers of one mixer. */
typedef struct {
  Mixer mixer;
  guint32 layers;
  gboolean has_products;
  AttentionPart *attention; /* of attention, or of a state that is modelled */
  StateFit *states;
  CostModel *own[2]; /* rooflines, with and without the what-if scales; NULL: the model's */
} MixerPart;

struct ProfileAttention {
  guint n_parts, n_kinds;
  MixerPart *parts;
  guint *part_of; /* [n_kinds], G_MAXUINT for layers without a mixer */
};

/* The roofline of a part's layers alone. */
static CostModel *
part_roofline(const ProfileAttention *self, const RooflineConfig *config, guint part,
              const WhatIf *what_if)
{
  g_autoptr(Model) model = model_copy(config->model);
  RooflineConfig alone = *config;

  model->n_kinds = 0;
  for (guint i = 0; i < self->n_kinds; i++)
    if (self->part_of[i] == part)
      model->kinds[model->n_kinds++] = model->kinds[i];
  alone.model = model;
  alone.block_bytes = alone.block_tensors = 1; /* it is not asked for copies */
  alone.what_if = *what_if;
  return roofline_new(&alone, NULL);
}

static void
serve_part(ProfileAttention *self, const Profile *profile, const RooflineConfig *config,
           const Layer *layer, guint i, CostModel *roofline, CostModel *plain)
{
  static const WhatIf none = WHAT_IF_NONE;
  MixerPart *part = &self->parts[i];
  const Mixer *mixer = &part->mixer;
  g_auto(MixerTable) table = {0};
  AttentionPartConfig attention = {.layers = part->layers,
                                   .window = mixer_window(mixer),
                                   .is_scaled = !what_if_is_none(&config->what_if)};

  if (self->n_parts > 1) {
    part->own[0] = roofline = part_roofline(self, config, i, &config->what_if);
    part->own[1] = plain = part_roofline(self, config, i, &none);
  }
  if (mixer_table_find(profile, config->model, layer, config->tensor_parallel_size, &table)) {
    attention.fit = attention_fit_new(profile, &table.key, NULL, NULL);
    part->has_products = attention.has_products = table.has_products;
    attention.is_extended = mixer->latent_dim > 0 || mixer->kind == MIXER_SPARSE;
    if (mixer->kind == MIXER_FULL)
      attention.skew = attention_skew_new(profile, &table.key, config->device->multiprocessors);
  }
  if (mixer->kind == MIXER_RECURRENT)
    part->states = state_fit_new(profile, mixer, config->model->hidden,
                                 config->tensor_parallel_size, dtype_of_activations(config->model));
  if (mixer->kind == MIXER_SPARSE) /* a block's time goes by the whole context */
    attention.window = (ContextWindow){0};
  attention.roofline = roofline;
  attention.plain = plain;
  part->attention = attention_part_new(&attention);
}

/* Groups the layers by mixer. */
static void
find_parts(ProfileAttention *self, const Model *model)
{
  self->n_kinds = model->n_kinds;
  self->part_of = g_new0(guint, model->n_kinds);
  self->parts = g_new0(MixerPart, model->n_kinds);
  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    guint part = 0;
    if (layer->mixer.kind == MIXER_NONE) {
      self->part_of[i] = G_MAXUINT;
      continue;
    }
    while (part < self->n_parts && !mixer_equal(&self->parts[part].mixer, &layer->mixer))
      part++;
    if (part == self->n_parts)
      self->parts[self->n_parts++].mixer = layer->mixer;
    self->parts[part].layers += layer->count;
    self->part_of[i] = part;
  }
}

static const Layer *
first_of_part(const ProfileAttention *self, const Model *model, guint part)
{
  guint i = 0;

  while (self->part_of[i] != part)
    i++;
  return &model->kinds[i];
}

ProfileAttention *
profile_attention_new(const Profile *profile, const RooflineConfig *config, CostModel *roofline,
                      CostModel *plain)
{
  ProfileAttention *self = g_new0(ProfileAttention, 1);
  gboolean any = FALSE;

  find_parts(self, config->model);
  for (guint i = 0; i < self->n_parts; i++) {
    serve_part(self, profile, config, first_of_part(self, config->model, i), i, roofline, plain);
    any |= self->parts[i].states != NULL || attention_part_is_measured(self->parts[i].attention);
  }
  if (any)
    return self;
  profile_attention_free(self);
  return NULL;
}

void
profile_attention_free(ProfileAttention *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_parts; i++) {
    attention_part_free(self->parts[i].attention);
    state_fit_free(self->parts[i].states);
    for (guint j = 0; j < G_N_ELEMENTS(self->parts[i].own); j++)
      if (self->parts[i].own[j] != NULL)
        cost_model_free(self->parts[i].own[j]);
  }
  g_free(self->parts);
  g_free(self->part_of);
  g_free(self);
}

gboolean
profile_attention_has_products(const ProfileAttention *self, guint i)
{
  return self->part_of[i] < self->n_parts && self->parts[self->part_of[i]].has_products;
}

/* A layer with a state costs the same whatever the contexts are. */
static void
states_step(const MixerPart *part, const CostShape *shape, guint32 repeat, CostPiece *piece)
{
  double tokens = 0, ps;
  gboolean inside = TRUE;

  for (guint32 i = 0; i < shape->n_prefills; i++)
    tokens += shape->prefills[i].tokens;
  ps = state_fit_ps(part->states, TRUE, shape->contexts.count, 1, &inside);
  if (shape->n_prefills > 0)
    ps += state_fit_ps(part->states, FALSE, shape->n_prefills, tokens / shape->n_prefills, &inside);
  piece->base_ps[COST_ATTENTION] =
      profile_round_ps(ps * part->layers * attention_part_scale(part->attention, shape));
  piece->measured_ps[COST_ATTENTION] = inside ? piece->base_ps[COST_ATTENTION] : 0;
  piece->scaled_ps[COST_ATTENTION] = inside ? 0 : piece->base_ps[COST_ATTENTION];
  piece->steps = repeat;
}

/* Adds a part's cost, and counts the parts whose growth is modelled or scaled. */
static void
add_part(CostPiece *sum, const CostPiece *part, guint *modelled, guint *scaled)
{
  sum->base_ps[COST_ATTENTION] += part->base_ps[COST_ATTENTION];
  sum->measured_ps[COST_ATTENTION] += part->measured_ps[COST_ATTENTION];
  sum->scaled_ps[COST_ATTENTION] += part->scaled_ps[COST_ATTENTION];
  sum->growth_ps += part->growth_ps;
  sum->steps = MIN(sum->steps, part->steps);
  if (part->growth_ps > 0 && !part->growth_measured)
    ++*(part->growth_scaled ? scaled : modelled);
}

void
profile_attention_step(ProfileAttention *self, const CostShape *shape, guint32 repeat,
                       CostPiece *piece)
{
  CostPiece sum = {.steps = repeat};
  guint modelled = 0, scaled = 0;

  if (self->n_parts == 1 && self->parts[0].states == NULL) {
    attention_part_step(self->parts[0].attention, shape, repeat, piece);
    return;
  }
  for (guint i = 0; i < self->n_parts; i++) {
    CostPiece part = {.steps = repeat};
    if (self->parts[i].states != NULL)
      states_step(&self->parts[i], shape, repeat, &part);
    else
      attention_part_step(self->parts[i].attention, shape, repeat, &part);
    add_part(&sum, &part, &modelled, &scaled);
  }
  piece->base_ps[COST_ATTENTION] = sum.base_ps[COST_ATTENTION];
  piece->measured_ps[COST_ATTENTION] = sum.measured_ps[COST_ATTENTION];
  piece->scaled_ps[COST_ATTENTION] = sum.scaled_ps[COST_ATTENTION];
  if (shape->n_prefills > 0)
    return;
  piece->growth_ps = sum.growth_ps;
  piece->steps = sum.steps;
  piece->growth_measured = modelled == 0 && scaled == 0;
  piece->growth_scaled = modelled == 0 && scaled > 0;
}
