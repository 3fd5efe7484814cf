/* Held-out error: samples are dealt into folds by their order, and each fold is predicted by fits
 * that were made without it. A sample at the end of a range is not predicted: beyond the others the
 * fits would extrapolate.
 *
 * Products and attention go through the fits that the cost model uses; the smaller operations
 * through curves over their first field.
 */
#include "profile_check.h"

#include <math.h>
#include <string.h>

#include "attention_fit.h"
#include "attention_skew.h"
#include "calib/curve.h"
#include "gemm_fit.h"
#include "sim/units.h"

enum { FOLDS = 10 };

/* The samples of one group, which one fit is made of. */
typedef struct {
  const Profile *profile;
  const ProfileSample *all;  /* of the profile */
  const ProfileSample *like; /* one of the group */
  guint fold;
} Group;

typedef struct {
  const Profile *profile;
  GArray *results, *points; /* points may be NULL */
  GArray *errors;           /* of double, of the result being made */
  ProfileCheckResult now;
} Check;

/* Spreads the bits of the index, so that a fold is no row of the grid. */
static guint
fold_of(const Group *group, const ProfileSample *sample)
{
  guint64 x = (guint64)(sample - group->all) * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

  return (guint)((x >> 33) % FOLDS);
}

static gboolean
same_shape(const ProfileSample *a, const ProfileSample *b, guint first, guint last)
{
  return memcmp(a->shape + first, b->shape + first, (last - first) * sizeof a->shape[0]) == 0;
}

static gboolean
is_attention(const ProfileSample *sample)
{
  return sample->operation == OP_ATTENTION || sample->operation == OP_ATTENTION_WINDOW ||
         sample->operation == OP_MLA || sample->operation == OP_ATTENTION_SPARSE;
}

/* Whether two samples belong to one fit: dtype and variant, and for attention the heads. */
static gboolean
same_group(const ProfileSample *a, const ProfileSample *b)
{
  if (a->operation != b->operation || strcmp(a->dtype, b->dtype) != 0 ||
      strcmp(a->variant, b->variant) != 0)
    return FALSE;
  if (is_attention(a))
    return same_shape(a, b, 5, OPERATION_SHAPE_MAX);
  return a->operation == OP_GEMM || same_shape(a, b, 1, OPERATION_SHAPE_MAX);
}

static gboolean
not_in_rest(const ProfileSample *sample, gpointer user_data)
{
  const Group *group = user_data;

  return !same_group(sample, group->like) || fold_of(group, sample) == group->fold;
}

static void
begin(Check *check, const ProfileSample *like)
{
  check->now = (ProfileCheckResult){
      .operation = like->operation, .variant = like->variant, .dtype = like->dtype};
  g_array_set_size(check->errors, 0);
}

static void
finish(Check *check)
{
  guint n = check->errors->len;

  if (n == 0)
    return;
  g_array_sort(check->errors, curve_compare_doubles);
  check->now.n = n;
  check->now.median = g_array_index(check->errors, double, n / 2);
  check->now.p95 = g_array_index(check->errors, double, (guint)((n - 1) * 0.95));
  check->now.worst = g_array_index(check->errors, double, n - 1);
  g_array_append_val(check->results, check->now);
}

static void
note_error(Check *check, const ProfileSample *sample, double predicted_ps)
{
  double predicted_ns = predicted_ps / PS_PER_NS;
  double error = fabs(predicted_ns / sample->median_ns - 1);

  if (error >= check->now.worst) {
    check->now.worst = error;
    memcpy(check->now.worst_shape, sample->shape, sizeof sample->shape);
    check->now.worst_measured_ns = sample->median_ns;
    check->now.worst_predicted_ns = predicted_ns;
  }
  g_array_append_val(check->errors, error);
}

static void
note(Check *check, const ProfileSample *all, const ProfileSample *sample, double predicted_ps)
{
  const ProfileCheckPoint point = {
      .sample = (guint32)(sample - all),
      .predicted_ns = predicted_ps / PS_PER_NS,
  };

  note_error(check, sample, predicted_ps);
  if (check->points != NULL)
    g_array_append_val(check->points, point);
}

static void
check_gemm(Check *check, Group *group, const ProfileSample *samples, guint n, const Device *device)
{
  const WhatIf none = WHAT_IF_NONE;

  for (group->fold = 0; group->fold < FOLDS; group->fold++) {
    g_autoptr(GemmFit) fit =
        gemm_fit_new(check->profile, device, group->like->dtype, not_in_rest, group);
    for (guint i = 0; fit != NULL && i < n; i++) {
      gboolean measured;
      double ps;
      if (!same_group(&samples[i], group->like) || fold_of(group, &samples[i]) != group->fold)
        continue;
      ps = gemm_fit_ps(fit, &none, (guint64)samples[i].shape[0], (guint64)samples[i].shape[1],
                       (guint64)samples[i].shape[2], &measured);
      if (measured)
        note(check, group->all, &samples[i], ps);
    }
  }
}

/* The samples that a fold leaves out: all of some n (even folds), or of some k (odd ones). */
static gboolean
not_of_other_shapes(const ProfileSample *sample, gpointer user_data)
{
  const Group *group = user_data;
  guint64 x = (guint64)sample->shape[1 + group->fold % 2] * G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);

  return !same_group(sample, group->like) || (guint)((x >> 33) % FOLDS) == group->fold / 2;
}

/* Products of an n or a k that no fit was told: what a model's own shapes are. */
static void
check_shapes(Check *check, const ProfileSample *all, const ProfileSample *samples, guint n,
             const Device *device)
{
  const WhatIf none = WHAT_IF_NONE;
  Group group = {.profile = check->profile, .all = all, .like = samples};

  begin(check, samples);
  check->now.variant = PROFILE_CHECK_SHAPES;
  for (group.fold = 0; group.fold < 2 * FOLDS; group.fold++) {
    g_autoptr(GemmFit) fit =
        gemm_fit_new(check->profile, device, samples->dtype, not_of_other_shapes, &group);
    for (guint i = 0; fit != NULL && i < n; i++) {
      gboolean measured;
      double ps;
      if (!not_of_other_shapes(&samples[i], &group))
        continue;
      ps = gemm_fit_ps(fit, &none, (guint64)samples[i].shape[0], (guint64)samples[i].shape[1],
                       (guint64)samples[i].shape[2], &measured);
      if (measured)
        note_error(check, &samples[i], ps);
    }
  }
  finish(check);
}

static void
check_attention(Check *check, Group *group, const ProfileSample *samples, guint n)
{
  const AttentionKey key = attention_key_of(group->like, 5);
  gint64 window = attention_key_window(&key), seen = window > 0 ? window : G_MAXINT64;

  for (group->fold = 0; group->fold < FOLDS; group->fold++) {
    g_autoptr(AttentionFit) fit = attention_fit_new(check->profile, &key, not_in_rest, group);
    for (guint i = 0; fit != NULL && i < n; i++) {
      const AttentionPoint point = {
          .new_tokens = (double)samples[i].shape[1],
          .cached_tokens = (double)MIN(samples[i].shape[2], seen),
          .decodes = (double)samples[i].shape[3],
          .context = (double)MIN(samples[i].shape[4], seen),
      };
      gboolean measured;
      double ps;
      if (samples[i].shape[0] > 1 || samples[i].derived || !same_group(&samples[i], group->like) ||
          fold_of(group, &samples[i]) != group->fold)
        continue;
      ps = attention_fit_ps(fit, &point, &measured);
      if (measured)
        note(check, group->all, &samples[i], ps);
    }
  }
}

/* A group of a smaller operation is one curve over its first field. */
static void
check_curve(Check *check, Group *group, const ProfileSample *samples, guint n)
{
  g_autofree double *x = g_new(double, n);
  g_autofree double *y = g_new(double, n);

  for (group->fold = 0; group->fold < FOLDS; group->fold++) {
    g_autoptr(Curve) curve = NULL;
    guint rest = 0;
    for (guint i = 0; i < n; i++)
      if (!not_in_rest(&samples[i], group)) {
        x[rest] = (double)samples[i].shape[0];
        y[rest++] = samples[i].median_ns * PS_PER_NS;
      }
    if (rest < 2)
      continue;
    curve = curve_new(x, y, rest);
    for (guint i = 0; i < n; i++) {
      gboolean inside;
      double ps;
      if (!same_group(&samples[i], group->like) || fold_of(group, &samples[i]) != group->fold)
        continue;
      ps = curve_at(curve, (double)samples[i].shape[0], &inside);
      if (inside)
        note(check, group->all, &samples[i], ps);
    }
  }
}

/* Skew: the rule turns the time of each equal batch of decodes into that of the unequal one beside
 * it. The rule's tail speed is a median over all of them, so the sample itself weighs little. */
static void
check_skew(Check *check, const ProfileSample *all, const ProfileSample *samples, guint n,
           const Device *device)
{
  const AttentionKey key = attention_key_of(samples, 6);
  guint third = n / 3;
  g_autoptr(AttentionSkew) rule = attention_skew_new(check->profile, &key, device->multiprocessors);

  if (rule == NULL || n % 3 != 0)
    return;
  begin(check, &samples[2 * third]);
  for (guint i = 0; i < third; i++) {
    const ProfileSample *mean = &samples[third + i], *skew = &samples[2 * third + i];
    if (memcmp(mean->shape, skew->shape, sizeof skew->shape) == 0 && skew->shape[0] == 0)
      note(check, all, skew, attention_skew_of_sample(rule, skew) * mean->median_ns * PS_PER_NS);
  }
  finish(check);
}

static gboolean
is_checked_as_one(const ProfileSample *a, const ProfileSample *b)
{
  return a->operation == b->operation && strcmp(a->dtype, b->dtype) == 0 &&
         strcmp(a->variant, b->variant) == 0;
}

/* All groups among samples of one operation, variant and dtype, as one result. */
static void
check_run(Check *check, const ProfileSample *all, const ProfileSample *samples, guint n,
          const Device *device)
{
  g_autofree gboolean *done = g_new0(gboolean, n);

  begin(check, samples);
  for (guint i = 0; i < n; i++) {
    Group group = {.profile = check->profile, .all = all, .like = &samples[i]};
    if (done[i])
      continue;
    for (guint j = i; j < n; j++)
      done[j] |= same_group(&samples[i], &samples[j]);
    if (samples->operation == OP_GEMM)
      check_gemm(check, &group, samples, n, device);
    else if (is_attention(samples))
      check_attention(check, &group, samples, n);
    else
      check_curve(check, &group, samples, n);
  }
  finish(check);
  if (samples->operation == OP_GEMM)
    check_shapes(check, all, samples, n, device);
}

gboolean
profile_check(const Profile *profile, const Device *device, GArray *results, GArray *points,
              GError **error)
{
  const ProfileSample *samples = (const ProfileSample *)(gpointer)profile->samples->data;
  guint n = profile->samples->len;
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  Check check = {.profile = profile, .results = results, .points = points, .errors = errors};
  guint first = 0, before = results->len;

  for (guint i = 1; i <= n; i++) {
    gboolean skew = samples[first].operation == OP_ATTENTION_SKEW;
    if (i < n && (skew ? samples[i].operation == OP_ATTENTION_SKEW
                       : is_checked_as_one(&samples[first], &samples[i])))
      continue;
    if (skew)
      check_skew(&check, samples, samples + first, i - first, device);
    else
      check_run(&check, samples, samples + first, i - first, device);
    first = i;
  }
  if (results->len == before)
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_INCOMPLETE,
                "the profile %s has too few samples to hold any out", profile->name);
  return results->len > before;
}
