#include "moe_fit.h"

#include <math.h>
#include <string.h>

#include "calib/curve.h"
#include "dtype.h"
#include "experts.h"
#include "sim/units.h"

enum { /* fields of OP_MOE */
       SHAPE_TOKENS,
       SHAPE_HIDDEN,
       SHAPE_FFN,
       SHAPE_ACTIVE,
       SHAPE_EXPERTS,
       SHAPE_TP,
       SHAPE_EP,
       SHAPE_TOUCHED
};

struct MoeFit {
  Device device; /* numbers only */
  Layer layer;
  ExpertSplit split;
  gboolean is_split_so; /* as the table's experts are */
  gboolean holds_block; /* the table has the router and the shared experts in it */
  Curve *ratio;         /* over log2 of the tokens: to the roofline's time */
  double last;          /* tokens */
};

static const Matrix *
experts_matrix(const Layer *layer)
{
  for (guint i = 0; i < layer->n_matrices; i++)
    if (layer->matrices[i].copies > 1)
      return &layer->matrices[i];
  return NULL;
}

const char *
moe_fit_dtype(const Layer *layer)
{
  const Matrix *experts = experts_matrix(layer);

  return experts != NULL ? experts->format.name : NULL;
}

/* Whether a sample is of the layer's experts, under that expert parallelism, however the experts
 * are split. */
static gboolean
is_for(const ProfileSample *sample, const Layer *layer, const ExpertSplit *split)
{
  const Matrix *experts = experts_matrix(layer);

  return experts != NULL && sample->shape[SHAPE_HIDDEN] == (gint64)experts->k &&
         sample->shape[SHAPE_FFN] == layer->ffn &&
         sample->shape[SHAPE_ACTIVE] == layer->active_experts &&
         sample->shape[SHAPE_EXPERTS] == layer->experts &&
         sample->shape[SHAPE_EP] == expert_split_groups(split);
}

/* One table: a variant, a dtype, and by how many devices an expert is split. */
typedef struct {
  const char *variant, *dtype;
  gint64 tp;
} Table;

static gboolean
has_table(const Profile *profile, const Layer *layer, const ExpertSplit *split, Table *table)
{
  gint64 asked = table->tp, best = 0;
  guint n;
  const ProfileSample *samples = profile_samples(profile, OP_MOE, &n);

  for (guint i = 0; i < n; i++) {
    gint64 tp = samples[i].shape[SHAPE_TP];
    if (!g_str_equal(samples[i].variant, table->variant) ||
        !g_str_equal(samples[i].dtype, table->dtype) || !is_for(&samples[i], layer, split))
      continue;
    if (best == 0 ||
        fabs(log2((double)tp / (double)asked)) < fabs(log2((double)best / (double)asked)))
      best = tp;
  }
  table->tp = best;
  return best > 0;
}

/* The table that serves: one of observed choices of experts first. */
static gboolean
find_table(const Profile *profile, const Layer *layer, const ExpertSplit *split, Table *table)
{
  gboolean is_latent = layer->mixer.latent_dim > 0;
  const char *const variants[] = {is_latent ? "power_law_1.01" : "power_law_1.2",
                                  is_latent ? "power_law_1.2" : "power_law_1.01", MOE_TOUCHED,
                                  "uniform", "balanced"};
  const char *asked = moe_fit_dtype(layer), *dtypes[DTYPE_CANDIDATES] = {NULL};

  if (asked != NULL)
    dtype_candidates(asked, dtypes);
  for (guint i = 0; i < G_N_ELEMENTS(variants); i++)
    for (guint j = 0; dtypes[j] != NULL; j++) {
      *table = (Table){.variant = variants[i], .dtype = dtypes[j], .tp = expert_split_parts(split)};
      if (has_table(profile, layer, split, table))
        return TRUE;
    }
  return FALSE;
}

const char *
moe_fit_distribution(const Profile *profile, const Layer *layer, const ExpertSplit *split,
                     const char **dtype)
{
  Table table;

  if (!find_table(profile, layer, split, &table))
    return NULL;
  if (dtype != NULL)
    *dtype = table.dtype;
  return table.variant;
}

typedef struct {
  double tokens, touched, ps;
} Timing;

static int
compare_timings(gconstpointer a, gconstpointer b)
{
  const Timing *p = a, *q = b;

  if (p->tokens != q->tokens)
    return p->tokens < q->tokens ? -1 : 1;
  return (p->touched > q->touched) - (p->touched < q->touched);
}

static GArray *
timings_of(const Profile *profile, const Layer *layer, const ExpertSplit *split, const Table *table)
{
  GArray *timings = g_array_new(FALSE, FALSE, sizeof(Timing));
  guint n;
  const ProfileSample *samples = profile_samples(profile, OP_MOE, &n);

  for (guint i = 0; i < n; i++) {
    const Timing timing = {.tokens = (double)samples[i].shape[SHAPE_TOKENS],
                           .touched = (double)samples[i].shape[SHAPE_TOUCHED],
                           .ps = samples[i].median_ns * PS_PER_NS};
    if (g_str_equal(samples[i].variant, table->variant) &&
        g_str_equal(samples[i].dtype, table->dtype) && is_for(&samples[i], layer, split) &&
        samples[i].shape[SHAPE_TP] == table->tp)
      g_array_append_val(timings, timing);
  }
  g_array_sort(timings, compare_timings);
  return timings;
}

/* The time at the number of experts that the tokens are expected to touch, of timings of as many
 * tokens; where the table itself draws the experts there is one timing. */
static double
time_at_touched(const MoeFit *fit, const Timing *timings, guint n)
{
  guint32 experts = fit->layer.experts;
  double touched = experts_touched(experts, fit->layer.active_experts,
                                   experts / expert_split_groups(&fit->split), timings->tokens);
  g_autofree double *x = g_new(double, n);
  g_autofree double *y = g_new(double, n);
  g_autoptr(Curve) curve = NULL;
  gboolean inside;

  if (n == 1)
    return timings->ps;
  for (guint i = 0; i < n; i++) {
    x[i] = timings[i].touched;
    y[i] = timings[i].ps;
  }
  curve = curve_new(x, y, n);
  return curve_at(curve, touched, &inside);
}

/* The roofline's time for a batch of that many tokens of all engines; `parts` devices share each
 * expert. */
static double
roofline_ps(const MoeFit *fit, const WhatIf *what_if, guint64 tokens, guint32 parts)
{
  const ExpertSplit one = {
      .tp = parts * expert_split_groups(&fit->split), .groups = fit->split.groups, .engines = 1};

  return (double)roofline_experts_ps(&fit->device, what_if, tokens, &fit->layer, &one);
}

static void
add_curve(MoeFit *fit, const GArray *timings, guint32 tp)
{
  const WhatIf none = WHAT_IF_NONE;
  const Timing *rows = (const Timing *)(gconstpointer)timings->data;
  g_autofree double *x = g_new(double, timings->len);
  g_autofree double *y = g_new(double, timings->len);
  guint kept = 0;

  for (guint i = 0, j; i < timings->len; i = j) {
    for (j = i + 1; j < timings->len && rows[j].tokens == rows[i].tokens;)
      j++;
    x[kept] = log2(rows[i].tokens);
    y[kept++] = time_at_touched(fit, rows + i, j - i) /
                roofline_ps(fit, &none, (guint64)rows[i].tokens, tp);
    fit->last = rows[i].tokens;
  }
  fit->ratio = curve_new(x, y, kept);
}

MoeFit *
moe_fit_new(const Profile *profile, const Device *device, const Layer *layer,
            const ExpertSplit *split)
{
  g_autoptr(GArray) timings = NULL;
  Table table;
  MoeFit *fit;

  if (!find_table(profile, layer, split, &table))
    return NULL;
  timings = timings_of(profile, layer, split, &table);
  fit = g_new0(MoeFit, 1);
  fit->device = *device;
  fit->layer = *layer;
  fit->split = *split;
  fit->holds_block = g_str_equal(table.variant, MOE_TOUCHED);
  fit->is_split_so = table.tp == expert_split_parts(split);
  add_curve(fit, timings, (guint32)table.tp);
  return fit;
}

void
moe_fit_free(MoeFit *fit)
{
  if (fit == NULL)
    return;
  curve_free(fit->ratio);
  g_free(fit);
}

gboolean
moe_fit_holds_block(const MoeFit *fit)
{
  return fit->holds_block;
}

double
moe_fit_ps(const MoeFit *fit, const WhatIf *what_if, guint64 tokens, gboolean *measured)
{
  guint64 all = tokens * fit->split.engines;
  double at = MIN(log2((double)all), fit->ratio->x[fit->ratio->n - 1]);
  double ratio = curve_at(fit->ratio, at, measured);

  *measured &= fit->is_split_so && (double)all <= fit->last;
  return ratio * roofline_ps(fit, what_if, all, expert_split_parts(&fit->split));
}
