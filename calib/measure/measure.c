/* One point of a calibration: measured and kept, or found from an earlier start. */
#include "internal.h"

#define COMMIT_EVERY_US G_USEC_PER_SEC

/* "gemm m 16, n 4096, k 4096" */
static char *
describe(const ProfileSample *key)
{
  const Operation *operation = &operations[key->operation];
  GString *text = g_string_new(operation->name);

  if (*key->variant != '\0')
    g_string_append_printf(text, " %s", key->variant);
  for (guint i = 0; i < operation_n_shape(key->operation); i++)
    g_string_append_printf(text, "%s%s %" G_GINT64_FORMAT, i > 0 ? ", " : " ", operation->shape[i],
                           key->shape[i]);
  return g_string_free(text, FALSE);
}

static void
end(Calibration *self, CalibrationEnd how)
{
  if (!self->is_over)
    self->report->end = how;
  self->is_over = TRUE;
}

static void
calibration_tell_progress(Calibration *self, const CalibrationFamily *family)
{
  const CalibrationListener *listener = &self->config->listener;
  const CalibrationReport *report = self->report;
  guint done = report->planned - report->left;
  CalibrationProgress now = {.done = done, .planned = report->planned};
  double each_us;

  now.elapsed_us = bench_now_us(self->config->bench) - self->start_us;
  now.left_us = MAX(0, self->config->limit_us - now.elapsed_us);
  each_us = (double)now.elapsed_us / MAX(report->measured, 1);
  if (self->families != NULL && report->left > 0)
    now.left_us = MIN(now.left_us, (gint64)(each_us * report->left));
  now.what = operations[family->operation].name;
  if (listener->progress != NULL)
    listener->progress(listener->data, &now);
  if (listener->stop != NULL && listener->stop(listener->data))
    end(self, CALIBRATION_STOPPED);
  if (now.elapsed_us >= self->config->limit_us)
    end(self, CALIBRATION_TIME_UP);
}

static void
note_failure(Calibration *self, const ProfileSample *key, const GError *problem)
{
  g_autofree char *what = describe(key);
  ProfileSample *copy = g_new(ProfileSample, 1);

  *copy = *key;
  copy->variant = g_string_chunk_insert_const(self->report->texts, key->variant);
  g_hash_table_add(self->failed, copy);
  g_ptr_array_add(self->report->failures, g_strdup_printf("%s: %s", what, problem->message));
}

/* The host's share of a copy is a sample of its own. */
static void
keep(Calibration *self, const ProfileSample *key, const BenchTiming *timing, gboolean aside)
{
  ProfileSample sample = *key;
  gboolean is_aside;

  sample.origin = calibration_watch_origin(self->watch);
  sample.median_ns = timing->median_ns;
  sample.p10_ns = timing->p10_ns;
  sample.p90_ns = timing->p90_ns;
  sample.count = timing->count;
  sample.kernel = *key->kernel != '\0' ? key->kernel : timing->kernel;
  profile_journal_add(self->journal, &sample, aside);
  if (sample.operation == OP_COPY && timing->submit_ns > 0) {
    sample.operation = OP_COPY_SUBMIT;
    sample.median_ns = sample.p10_ns = sample.p90_ns = timing->submit_ns;
    if (profile_journal_find(self->journal, &sample, &is_aside) == NULL)
      profile_journal_add(self->journal, &sample, FALSE);
  }
}

static gboolean
take(Calibration *self, CalibrationFamily *family, const ProfileSample *key, gboolean aside,
     GError **error)
{
  const BenchRequest request = {.key = key, .model = family->model};
  g_autoptr(GError) problem = NULL;
  BenchTiming timing;
  gint64 now_us;

  if (!calibration_watch_look(self->watch, FALSE, error))
    return FALSE;
  if (bench_measure(self->config->bench, &request, self->stop, &timing, &problem)) {
    keep(self, key, &timing, aside);
    self->report->measured++;
  } else if (bench_error_is_fatal(problem)) {
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
  } else {
    family->is_unsupported = problem->code == BENCH_ERROR_UNSUPPORTED;
    note_failure(self, key, problem);
  }
  now_us = bench_now_us(self->config->bench);
  if (now_us < self->next_commit_us)
    return TRUE;
  self->next_commit_us = now_us + COMMIT_EVERY_US;
  return profile_journal_commit(self->journal, error);
}

gboolean
calibration_measure(Calibration *self, CalibrationFamily *family, const CalibrationPoint *point,
                    gboolean aside, const ProfileSample **sample, GError **error)
{
  const ProfileSample key = calibration_family_key(family, point);
  gboolean is_aside;

  *sample = profile_journal_find(self->journal, &key, &is_aside);
  if (*sample != NULL || family->is_unsupported || g_hash_table_contains(self->failed, &key))
    return TRUE;
  calibration_tell_progress(self, family);
  if (self->is_over)
    return TRUE;
  if (!take(self, family, &key, aside, error))
    return FALSE;
  *sample = profile_journal_find(self->journal, &key, &is_aside);
  return TRUE;
}

void
calibration_accept(Calibration *self, CalibrationFamily *family, const CalibrationPoint *point)
{
  const ProfileSample key = calibration_family_key(family, point);
  gboolean aside;

  profile_journal_promote(self->journal, &key);
  calibration_family_add_sample(family, profile_journal_find(self->journal, &key, &aside));
}
