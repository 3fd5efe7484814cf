/* The order of measurements: a coarse grid of everything, shapes to be held out, the full grid,
 * then the gaps with the largest error, one by one.
 *
 * In each of these, what every step's cost is read from comes first. Groups, and the points of a
 * group, are measured in random order: a drift of the card then spreads over a curve and bends
 * none. Decisions depend on the seed and on what was measured, so a second start repeats them
 * without measuring again.
 */
#include "calibration.h"

#include <math.h>
#include <string.h>

#include "internal.h"
#include "calib/curve.h"
#include "calib/profile_host.h"
#include "calib/store/database.h"

enum { HELD_OUT = 10, HELD_OUT_QUICK = 3 };

/* One stream a purpose. */
enum { STREAM_ORDER = 1, STREAM_HELD_OUT, STREAM_PROBES };

static GRand *
random_new(guint64 seed, guint32 purpose)
{
  const guint32 words[] = {(guint32)seed, (guint32)(seed >> 32), purpose};

  return g_rand_new_with_seed_array(words, G_N_ELEMENTS(words));
}

static void
shuffle(GRand *random, guint *order, guint n)
{
  for (guint i = 0; i < n; i++)
    order[i] = i;
  for (guint i = n; i > 1; i--) {
    guint j = (guint)g_rand_int_range(random, 0, (gint32)i), spare = order[i - 1];
    order[i - 1] = order[j];
    order[j] = spare;
  }
}

typedef struct {
  CalibrationFamily *family;
  CalibrationGroup *group;
} Task;

/* A group that must be complete is kept aside until all of it is measured. */
static gboolean
measure_group(Calibration *self, const Task *task, GRand *random, GError **error)
{
  const GArray *points = task->group->points;
  g_autofree guint *order = g_new(guint, points->len);
  gboolean is_complete = TRUE;

  shuffle(random, order, points->len);
  for (guint i = 0; i < points->len; i++) {
    const CalibrationPoint *point = &g_array_index(points, CalibrationPoint, order[i]);
    const ProfileSample *sample;
    if (!calibration_measure(self, task->family, point, task->group->is_whole, &sample, error))
      return FALSE;
    is_complete &= sample != NULL;
    if (sample != NULL && !task->group->is_whole)
      calibration_accept(self, task->family, point);
    if (!self->is_over && self->report->left > 0)
      self->report->left--;
  }
  for (guint i = 0; is_complete && task->group->is_whole && i < points->len; i++)
    calibration_accept(self, task->family, &g_array_index(points, CalibrationPoint, i));
  return TRUE;
}

/* In three parts, should time be up early: ceilings, which take a few seconds; what the costs of a
 * step are read from; the rest. */
enum { PARTS = 3 };

static guint
part_of(const CalibrationFamily *family)
{
  if (family->operation == OP_CEILING)
    return 0;
  if (family->operation == OP_BESIDE)
    return 2;
  return family->operation == OP_COPY && (strstr(family->variant, "pageable") != NULL ||
                                          g_str_has_prefix(family->variant, "both"))
             ? 2
             : 1;
}

static gboolean
measure_pass(Calibration *self, CalibrationPass pass, GRand *random, GError **error)
{
  g_autoptr(GArray) tasks = g_array_new(FALSE, FALSE, sizeof(Task));
  g_autofree guint *order = NULL;

  for (guint f = 0; f < self->families->len; f++) {
    CalibrationFamily *family = g_ptr_array_index(self->families, f);
    for (guint g = 0; g < family->groups->len; g++) {
      const Task task = {family, g_ptr_array_index(family->groups, g)};
      if (task.group->pass == pass)
        g_array_append_val(tasks, task);
    }
  }
  order = g_new(guint, tasks->len);
  shuffle(random, order, tasks->len);
  for (guint part = 0; part < PARTS; part++)
    for (guint i = 0; i < tasks->len; i++) {
      const Task *task = &g_array_index(tasks, Task, order[i]);
      if (part_of(task->family) == part && !measure_group(self, task, random, error))
        return FALSE;
    }
  return TRUE;
}

static gboolean
measure_held_out(Calibration *self, GError **error)
{
  for (guint n = 0; n < HELD_OUT; n++)
    for (guint f = 0; f < self->families->len; f++) {
      CalibrationFamily *family = g_ptr_array_index(self->families, f);
      const ProfileSample *sample;
      if (n >= family->held_out->len)
        continue;
      if (!calibration_measure(self, family, &g_array_index(family->held_out, CalibrationPoint, n),
                               TRUE, &sample, error))
        return FALSE;
      if (!self->is_over && self->report->left > 0)
        self->report->left--;
    }
  return TRUE;
}

/* The error at a family's held-out shapes, appended to `errors`, of double. */
static void
append_errors(const Calibration *self, const CalibrationFamily *family, GArray *errors,
              ProfileCheckResult *worst)
{
  for (guint i = 0; i < family->held_out->len; i++) {
    const CalibrationPoint *point = &g_array_index(family->held_out, CalibrationPoint, i);
    const ProfileSample key = calibration_family_key(family, point);
    gboolean aside;
    const ProfileSample *sample = profile_journal_find(self->journal, &key, &aside);
    double ns, error;
    if (sample == NULL || !aside)
      continue;
    ns = calibration_family_predict_ns(family, self->config->nominal, point->shape);
    if (ns <= 0)
      continue;
    error = fabs(ns / sample->median_ns - 1);
    g_array_append_val(errors, error);
    if (worst != NULL && error >= worst->worst) {
      worst->worst = error;
      memcpy(worst->worst_shape, sample->shape, sizeof sample->shape);
      worst->worst_measured_ns = sample->median_ns;
      worst->worst_predicted_ns = ns;
    }
  }
}

static double
median_of(GArray *errors)
{
  g_array_sort(errors, curve_compare_doubles);
  return errors->len > 0 ? g_array_index(errors, double, errors->len / 2) : 0;
}

/* Whether the error is on target at the samples that the fits use and at the held-out ones. */
static gboolean
is_good(const Calibration *self, const CalibrationFamily *family)
{
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));

  if (calibration_family_error(family) > self->config->target)
    return FALSE;
  append_errors(self, family, errors, NULL);
  return median_of(errors) <= self->config->target;
}

static gboolean
measure_row(Calibration *self, CalibrationFamily *family, const CalibrationGap *gap, gint64 row,
            gboolean *is_complete, GError **error)
{
  g_autoptr(GArray) values = calibration_family_row_between(family, gap->low, gap->high);

  *is_complete = TRUE;
  for (guint i = 0; i < values->len; i++) {
    const CalibrationPoint point =
        calibration_family_point(family, g_array_index(values, gint64, i), row);
    const ProfileSample *sample;
    if (!calibration_measure(self, family, &point, TRUE, &sample, error))
      return FALSE;
    *is_complete &= sample != NULL;
  }
  for (guint i = 0; *is_complete && i < values->len; i++) {
    const CalibrationPoint point =
        calibration_family_point(family, g_array_index(values, gint64, i), row);
    calibration_accept(self, family, &point);
  }
  return TRUE;
}

/* Measures the middle of a gap and compares it with what the fit says. */
static gboolean
look_into(Calibration *self, CalibrationFamily *family, CalibrationGap *gap, GRand *random,
          GError **error)
{
  const CalibrationPoint point = calibration_family_probe(family, gap, random);
  double ns = calibration_family_predict_ns(family, self->config->nominal, point.shape), off;
  gboolean is_split = TRUE;
  const ProfileSample *sample = NULL;

  if (point.shape[family->inner] >= 0 &&
      !calibration_measure(self, family, &point, gap->is_between_rows, &sample, error))
    return FALSE;
  if (self->is_over)
    return TRUE;
  if (sample == NULL) {
    calibration_family_settle(family, gap, gap->error, FALSE);
    return TRUE;
  }
  off = ns > 0 ? fabs(ns / sample->median_ns - 1) : gap->error;
  if (!gap->is_between_rows)
    calibration_accept(self, family, &point);
  else if (off <= self->config->target)
    is_split = FALSE;
  else if (!measure_row(self, family, gap, point.shape[family->outer], &is_split, error))
    return FALSE;
  if (!self->is_over)
    calibration_family_settle(family, gap, off, is_split);
  return TRUE;
}

/* Looks into the gap of most weight, until every family is good enough or has no gap left. One that
 * is good enough does not change, and is not judged again. */
static gboolean
refine(Calibration *self, GRand *random, GError **error)
{
  g_autofree gboolean *done = g_new0(gboolean, self->families->len);

  for (guint f = 0; f < self->families->len && !self->is_over; f++)
    calibration_family_find_gaps(g_ptr_array_index(self->families, f), self->config->nominal);
  while (!self->is_over) {
    CalibrationFamily *worst = NULL;
    CalibrationGap *gap = NULL;
    double most = -1;
    guint at = 0;
    for (guint f = 0; f < self->families->len; f++) {
      CalibrationFamily *family = g_ptr_array_index(self->families, f);
      double weight;
      CalibrationGap *next = done[f] ? NULL : calibration_family_next_gap(family, &weight);
      if (next != NULL && weight > most) {
        most = weight;
        worst = family;
        gap = next;
        at = f;
      }
    }
    if (worst == NULL)
      return TRUE;
    if (is_good(self, worst))
      done[at] = TRUE;
    else if (!look_into(self, worst, gap, random, error))
      return FALSE;
  }
  return TRUE;
}

static void
finish_errors(CalibrationReport *report, ProfileCheckResult *result, GArray *errors)
{
  if (errors->len == 0)
    return;
  result->median = median_of(errors);
  result->n = errors->len;
  result->p95 = g_array_index(errors, double, (guint)((errors->len - 1) * 0.95));
  result->worst = g_array_index(errors, double, errors->len - 1);
  result->variant = g_string_chunk_insert_const(report->texts, result->variant);
  g_array_append_val(report->errors, *result);
}

/* Families of one operation, variant and dtype make one line. */
static void
report_errors(Calibration *self)
{
  g_autofree gboolean *done = g_new0(gboolean, self->families->len);

  for (guint i = 0; i < self->families->len; i++) {
    const CalibrationFamily *first = g_ptr_array_index(self->families, i);
    g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
    ProfileCheckResult result = {
        .operation = first->operation, .variant = first->variant, .dtype = first->dtype};
    for (guint j = i; j < self->families->len; j++) {
      const CalibrationFamily *family = g_ptr_array_index(self->families, j);
      if (done[j] || family->operation != first->operation ||
          !g_str_equal(family->variant, first->variant) ||
          !g_str_equal(family->dtype, first->dtype))
        continue;
      done[j] = TRUE;
      append_errors(self, family, errors, &result);
    }
    finish_errors(self->report, &result, errors);
  }
}

/* Counts the shapes that are measured in any case: each once, however many groups it is in. */
static void
count_planned(Calibration *self)
{
  CalibrationReport *report = self->report;

  for (guint f = 0; f < self->families->len; f++) {
    const CalibrationFamily *family = g_ptr_array_index(self->families, f);
    for (guint g = 0; g < family->groups->len; g++)
      report->planned += ((CalibrationGroup *)g_ptr_array_index(family->groups, g))->points->len;
    report->planned += family->held_out->len;
  }
  report->left = report->planned;
}

static gboolean
measure_all(Calibration *self, guint64 seed, GError **error)
{
  g_autoptr(GRand) order = random_new(seed, STREAM_ORDER);
  g_autoptr(GRand) held_out = random_new(seed, STREAM_HELD_OUT);
  g_autoptr(GRand) probes = random_new(seed, STREAM_PROBES);
  guint each = self->config->is_quick ? HELD_OUT_QUICK : HELD_OUT;

  for (guint f = 0; f < self->families->len; f++)
    calibration_family_hold_out(g_ptr_array_index(self->families, f), each, held_out);
  count_planned(self);
  return calibration_watch_begin(self->watch, error) &&
         measure_pass(self, PASS_COARSE, order, error) && measure_held_out(self, error) &&
         measure_pass(self, PASS_FULL, order, error) && refine(self, probes, error);
}

/* Whether this calibration goes on from it: other kernels' times are not its own. */
static gboolean
is_of_these_kernels(const Calibration *self, const ProfileSample *sample)
{
  const char *kind = profile_sample_kernels(sample), *own = self->config->identity->kernels;

  return own == NULL || *kind == '\0' || g_str_equal(kind, own);
}

/* Opens the file and reads what an earlier start left in it. */
static gboolean
open_journal(Calibration *self, guint64 *seed, GError **error)
{
  const CalibrationConfig *config = self->config;
  g_autoptr(Profile) header = profile_new(config->name, config->nominal->name);
  const Profile *profile;

  profile_add_note(header, "Measured with 'spillway calibrate' on %s.", config->identity->name);
  profile_add_host(header, config->host);
  profile_seal(header);
  *seed = config->seed;
  self->journal = profile_journal_open(config->path, header, config->identity->name, seed,
                                       &self->report->is_resumed, error);
  if (self->journal == NULL)
    return FALSE;
  profile = profile_journal_profile(self->journal);
  for (guint i = 0; i < profile->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(profile->samples, ProfileSample, i);
    self->report->known += !sample->derived && is_of_these_kernels(self, sample);
  }
  return TRUE;
}

/* Whatever happened before, what was measured is kept. */
static gboolean
close_journal(Calibration *self, GError **error)
{
  return profile_journal_commit(self->journal, error) &&
         (self->report->errors->len == 0 ||
          profile_store_save_checks(self->config->path, CALIBRATION_FIT_KIND, self->report->errors,
                                    error));
}

static guint
hash_failed(gconstpointer key)
{
  const ProfileSample *sample = key;

  return (guint)sample->operation * 31 + (guint)sample->shape[0] +
         1000003 * (guint)sample->shape[1];
}

static gboolean
equal_keys(gconstpointer a, gconstpointer b)
{
  return profile_compare_keys(a, b) == 0;
}

static gboolean
run(Calibration *self, GError **error)
{
  const CalibrationConfig *config = self->config;
  const CalibrationPlanRequest request = {.models = config->models,
                                          .n_models = config->n_models,
                                          .identity = config->identity,
                                          .is_quick = config->is_quick};
  guint64 seed;
  gboolean worked;

  self->families = calibration_plan_new(&request, self->report->notes);
  if (!open_journal(self, &seed, error))
    return FALSE;
  self->watch = calibration_watch_new(config->bench, config->identity, self->journal, self->stop,
                                      config->listener.note, config->listener.data);
  worked = measure_all(self, seed, error) && calibration_watch_look(self->watch, TRUE, error);
  report_errors(self);
  return close_journal(self, worked ? error : NULL) && worked;
}

CalibrationReport *
calibration_run(const CalibrationConfig *config, GError **error)
{
  g_autoptr(CalibrationReport) report = calibration_report_new();
  Calibration self = {.config = config,
                      .stop = config->is_quick ? &bench_stop_quick : &bench_stop_full,
                      .report = report};
  gboolean worked;

  self.start_us = bench_now_us(config->bench);
  self.next_commit_us = self.start_us;
  self.failed = g_hash_table_new_full(hash_failed, equal_keys, g_free, NULL);
  worked = run(&self, error);
  if (self.watch != NULL) {
    report->batches = calibration_watch_batches(self.watch);
    report->marked = calibration_watch_marked(self.watch);
  }
  report->elapsed_us = bench_now_us(config->bench) - self.start_us;
  calibration_watch_free(self.watch);
  profile_journal_free(self.journal);
  g_ptr_array_unref(self.families);
  g_hash_table_unref(self.failed);
  return worked ? g_steal_pointer(&report) : NULL;
}
