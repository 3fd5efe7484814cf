#include "profile_summary.h"

#include "curve.h"

#include <stdlib.h>
#include <string.h>

static const ProfileSample *
sample_at(const Profile *profile, guint i)
{
  return &g_array_index(profile->samples, ProfileSample, i);
}

static gboolean
same_group(const ProfileSample *a, const ProfileSample *b)
{
  return a->operation == b->operation && g_str_equal(a->variant, b->variant) &&
         g_str_equal(a->dtype, b->dtype);
}

static ProfileGroup
summarize(const Profile *profile, guint first, guint n)
{
  const ProfileSample *sample = sample_at(profile, first);
  g_autofree double *spreads = g_new(double, n);
  ProfileGroup group = {
      .operation = (OperationKind)sample->operation,
      .variant = sample->variant,
      .dtype = sample->dtype,
      .first = first,
      .n = n,
      .low_ns = sample->median_ns,
      .high_ns = sample->median_ns,
  };

  memcpy(group.low, sample->shape, sizeof group.low);
  memcpy(group.high, sample->shape, sizeof group.high);
  for (guint i = 0; i < n; i++, sample++) {
    group.n_derived += sample->derived != 0;
    if (sample->p10_ns != sample->p90_ns && sample->median_ns > 0)
      spreads[group.n_spread++] = (sample->p90_ns - sample->p10_ns) / sample->median_ns;
    for (guint s = 0; s < OPERATION_SHAPE_MAX; s++) {
      group.low[s] = MIN(group.low[s], sample->shape[s]);
      group.high[s] = MAX(group.high[s], sample->shape[s]);
    }
    group.low_ns = MIN(group.low_ns, sample->median_ns);
    group.high_ns = MAX(group.high_ns, sample->median_ns);
  }
  qsort(spreads, group.n_spread, sizeof *spreads, curve_compare_doubles);
  group.spread = group.n_spread > 0 ? spreads[group.n_spread / 2] : 0;
  return group;
}

GArray *
profile_groups(const Profile *profile)
{
  GArray *groups = g_array_new(FALSE, FALSE, sizeof(ProfileGroup));
  guint end;

  for (guint first = 0; first < profile->samples->len; first = end) {
    ProfileGroup group;
    for (end = first + 1; end < profile->samples->len; end++)
      if (!same_group(sample_at(profile, first), sample_at(profile, end)))
        break;
    group = summarize(profile, first, end - first);
    g_array_append_val(groups, group);
  }
  return groups;
}

/* Fields of OP_ATTENTION. */
enum { ATTENTION_PREFILLS = 0, ATTENTION_DECODES = 3 };

static gboolean
is_prefill(const ProfileSample *sample)
{
  return sample->shape[ATTENTION_PREFILLS] > 0 && sample->shape[ATTENTION_DECODES] == 0;
}

static gboolean
is_decode(const ProfileSample *sample)
{
  return sample->shape[ATTENTION_DECODES] > 0 && sample->shape[ATTENTION_PREFILLS] == 0;
}

/* Whether a sample of host time is of a scheduler of this program, and not from a device's file. */
static gboolean
is_measured_host(const ProfileSample *sample)
{
  return !sample->derived && g_str_has_prefix(sample->variant, "vllm-");
}

#define EVERY_STEP "every step"
#define IMPORT(tables) "spillway profile import (" tables "), spillway calibrate"

static const struct {
  ProfileNeed need;
  OperationKind operation;
  const char *variant;                            /* NULL: any */
  gboolean (*takes)(const ProfileSample *sample); /* NULL: any */
} needs[] = {
    {{"matrix products", EVERY_STEP, IMPORT("vidur, aiconfigurator, llmservingsim")},
     OP_GEMM,
     NULL,
     NULL},
    {{"attention of prefills", EVERY_STEP, IMPORT("frontier, aiconfigurator, llmservingsim")},
     OP_ATTENTION,
     NULL,
     is_prefill},
    {{"attention of decodes", EVERY_STEP, IMPORT("frontier, aiconfigurator, llmservingsim")},
     OP_ATTENTION,
     NULL,
     is_decode},
    {{"norms", EVERY_STEP, IMPORT("vidur, llmservingsim")}, OP_ELEMENTWISE, ELEMENTWISE_NORM, NULL},
    {{"rotary embedding", EVERY_STEP, IMPORT("vidur, llmservingsim")},
     OP_ELEMENTWISE,
     ELEMENTWISE_ROPE,
     NULL},
    {{"activation", EVERY_STEP, IMPORT("vidur, llmservingsim")},
     OP_ELEMENTWISE,
     ELEMENTWISE_ACTIVATION,
     NULL},
    {{"sampling", EVERY_STEP, IMPORT("llmservingsim")}, OP_SAMPLING, NULL, NULL},
    {{"host time", EVERY_STEP, IMPORT("a text of yours: doc/profiles.md")},
     OP_HOST,
     NULL,
     is_measured_host},
    {{"all-reduce", "--tensor-parallel-size above 1", IMPORT("aiconfigurator")},
     OP_ALL_REDUCE,
     NULL,
     NULL},
    {{"copies", "--overflow swap", "spillway calibrate"}, OP_COPY, NULL, NULL},
};

GPtrArray *
profile_missing(const Profile *profile)
{
  GPtrArray *missing = g_ptr_array_new();
  guint n;

  for (guint i = 0; i < G_N_ELEMENTS(needs); i++) {
    const ProfileSample *samples = profile_samples(profile, needs[i].operation, &n);
    gboolean found = FALSE;
    for (guint j = 0; j < n && !found; j++)
      found = (needs[i].variant == NULL || g_str_equal(needs[i].variant, samples[j].variant)) &&
              (needs[i].takes == NULL || needs[i].takes(&samples[j]));
    if (!found)
      g_ptr_array_add(missing, (gpointer)&needs[i].need);
  }
  return missing;
}
