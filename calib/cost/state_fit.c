#include "state_fit.h"

#include "operation_fit.h"

#include <string.h>

enum { PHASES = 2, KERNELS = 2 }; /* prefill and decode; convolution and state */

struct StateFit {
  OperationSheet *sheets[PHASES][KERNELS];
};

static const char *const phase_ends[PHASES] = {"/prefill", "/decode"};

/* How the operation's variants begin. */
static const char *
kind_prefix(RecurrentKind kind)
{
  return kind == RECURRENT_MAMBA2  ? "mamba2/"
         : kind == RECURRENT_DELTA ? "gdn/"
         : kind == RECURRENT_KDA   ? "kda/"
                                   : NULL;
}

/* Whether a sample is of the mixer: a chunk is Mamba 2's, and its size is the kernel's choice. */
static gboolean
is_for(const ProfileSample *sample, const gint64 *rest)
{
  return memcmp(sample->shape + 2, rest, 6 * sizeof *rest) == 0;
}

/* The kernel of a role with most samples of the shape; its chunk goes into rest[6]. NULL: none. */
static const char *
find_kernel(const Profile *profile, const char *prefix, guint phase, gboolean is_convolution,
            gint64 *rest)
{
  g_autoptr(GHashTable) counts = g_hash_table_new(NULL, NULL);
  const char *best = NULL;
  guint n, most = 0;
  const ProfileSample *samples = profile_samples(profile, OP_RECURRENT, &n);

  for (guint i = 0; i < n; i++) {
    const char *variant = samples[i].variant;
    guint count;
    if (!g_str_has_prefix(variant, prefix) || !g_str_has_suffix(variant, phase_ends[phase]) ||
        (strstr(variant, "conv1d") != NULL) != is_convolution || !is_for(&samples[i], rest))
      continue;
    count = 1 + GPOINTER_TO_UINT(g_hash_table_lookup(counts, variant));
    g_hash_table_insert(counts, (gpointer)variant, GUINT_TO_POINTER(count));
    if (count > most) {
      most = count;
      best = variant;
      rest[6] = samples[i].shape[8];
    }
  }
  return best;
}

StateFit *
state_fit_new(const Profile *profile, const Mixer *mixer, guint32 hidden, guint32 tp,
              const char *dtype)
{
  g_autoptr(StateFit) fit = g_new0(StateFit, 1);
  const char *prefix = kind_prefix(mixer->recurrent);

  if (prefix == NULL || mixer->groups % tp != 0)
    return NULL;
  for (guint phase = 0; phase < PHASES; phase++)
    for (guint kernel = 0; kernel < KERNELS; kernel++) {
      gint64 rest[OPERATION_SHAPE_MAX - 2] = {hidden,           mixer->groups / tp,
                                              mixer->head_dim,  mixer->heads / tp,
                                              mixer->value_dim, mixer->conv_width};
      const char *variant = find_kernel(profile, prefix, phase, kernel == 0, rest);
      if (variant != NULL)
        fit->sheets[phase][kernel] =
            operation_sheet_new(profile, OP_RECURRENT, variant, dtype, rest);
      if (fit->sheets[phase][kernel] == NULL)
        return NULL;
    }
  return g_steal_pointer(&fit);
}

void
state_fit_free(StateFit *fit)
{
  if (fit == NULL)
    return;
  for (guint phase = 0; phase < PHASES; phase++)
    for (guint kernel = 0; kernel < KERNELS; kernel++)
      operation_sheet_free(fit->sheets[phase][kernel]);
  g_free(fit);
}

double
state_fit_ps(const StateFit *fit, gboolean is_decode, double sequences, double tokens,
             gboolean *inside)
{
  double sum = 0;

  if (sequences == 0)
    return 0;
  for (guint kernel = 0; kernel < KERNELS; kernel++) {
    gboolean here;
    sum += operation_sheet_ps(fit->sheets[is_decode ? 1 : 0][kernel], sequences, tokens, &here);
    *inside &= here;
  }
  return sum;
}
