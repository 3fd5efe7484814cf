#include "launch_spared.h"

#include "rounding.h"
#include "sim/units.h"

enum { SMALL_A_LAYER = 4, ATTENTION_A_LAYER = 2 }; /* kernels of their component */

static guint64
products_of(const Layer *layer)
{
  guint64 n = 0;

  for (guint i = 0; i < layer->n_matrices; i++)
    n += layer->matrices[i].copies == 1 && layer->matrices[i].active > 0;
  return n;
}

static gint64
spared_ps(double launch_ps, guint64 kernels)
{
  return round_within(launch_ps * (double)kernels, TIME_MAX_PS);
}

double
launch_spared_kernel_ps(const Profile *profile, const char **source)
{
  guint n;
  const ProfileSample *samples = profile_samples(profile, OP_LAUNCH, &n);

  if (n == 0)
    return 0;
  *source = g_array_index(profile->origins, ProfileOrigin, samples[0].origin).source;
  return samples[0].median_ns / (double)MAX(1, samples[0].shape[0]) * PS_PER_NS;
}

gint64
launch_spared_scaled_ps(gint64 spared_ps, gint64 plain_ps, gint64 ps)
{
  if (ps == plain_ps || spared_ps >= plain_ps)
    return spared_ps;
  return round_within((double)spared_ps / (double)plain_ps * (double)ps, TIME_MAX_PS);
}

LaunchSpared
launch_spared_find(const Profile *profile, const Model *model)
{
  guint64 products = 0, mixers = 0;
  const char *source;
  double launch_ps = launch_spared_kernel_ps(profile, &source);

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    products += layer->count * products_of(layer);
    mixers += layer->mixer.kind != MIXER_NONE ? layer->count : 0;
  }
  return (LaunchSpared){
      .linear_ps = spared_ps(launch_ps, products),
      .elementwise_ps = spared_ps(launch_ps, (guint64)SMALL_A_LAYER * model->layers),
      .attention_ps = spared_ps(launch_ps, ATTENTION_A_LAYER * mixers),
  };
}
