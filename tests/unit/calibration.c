/* Calibration on a synthetic device: true costs are found again, what is measured is kept and never
 * measured twice, and what is wrong with a device is said.
 */
#include "calib/measure/calibration.h"
#include "calib/cost/profile_cost.h"
#include "calib/store/database.h"
#include "models/model_config.h"
#include "sim/units.h"
#include "tests/synthetic_device.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

typedef struct {
  Device *nominal;
  Model *model;
  char *folder, *path;
  GString *notes;
  guint stop_after; /* progress reports; 0: never */
  guint reports;
} Fixture;

static void
set_up(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *device = g_build_filename(SPILLWAY_SRCDIR, "calib/devices/h100-sxm.ini", NULL);
  g_autofree char *model = g_build_filename(SPILLWAY_SRCDIR, "models/llama-2-7b.json", NULL);

  f->nominal = device_read(device, "h100-sxm", NULL);
  f->model = model_config_read(model, "llama-2-7b", NULL);
  f->folder = g_dir_make_tmp("calibration-XXXXXX", NULL);
  f->path = g_build_filename(f->folder, "made.db", NULL);
  f->notes = g_string_new(NULL);
  g_assert_true(f->nominal != NULL && f->model != NULL && f->folder != NULL);
}

static void
tear_down(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_unlink(f->path);
  g_assert_cmpint(g_rmdir(f->folder), ==, 0); /* nothing else was left behind */
  device_free(f->nominal);
  model_free(f->model);
  g_free(f->path);
  g_free(f->folder);
  g_string_free(f->notes, TRUE);
}

static void
on_note(gpointer data, const char *text)
{
  g_string_append_printf(((Fixture *)data)->notes, "%s\n", text);
}

static gboolean
on_stop(gpointer data)
{
  Fixture *f = data;

  return f->stop_after > 0 && ++f->reports > f->stop_after;
}

typedef struct {
  gboolean is_quick;
  double limit_s;
  guint64 seed;
} Order;

static CalibrationReport *
calibrate(Fixture *f, BenchDevice *bench, Order order, GError **error)
{
  const Model *models[] = {f->model};
  BenchIdentity identity;
  CalibrationConfig config = {
      .bench = bench,
      .identity = &identity,
      .nominal = f->nominal,
      .models = models,
      .n_models = 1,
      .path = f->path,
      .name = "made",
      .is_quick = order.is_quick,
      .limit_us = (gint64)(order.limit_s * G_USEC_PER_SEC),
      .seed = order.seed,
      .target = 0.01,
      .listener = {.note = on_note, .stop = on_stop, .data = f},
  };

  g_assert_true(bench_identify(bench, &identity, NULL));
  f->reports = 0;
  return calibration_run(&config, error);
}

static const SyntheticOptions plain = {.seed = 3, .noise = 0.003, .failing = OP_HOST};
static const Order whole = {.limit_s = 1e5, .seed = 11};
static const Order quick = {.is_quick = TRUE, .limit_s = 60, .seed = 11};

/* Every operation, on shapes that were held out, within 1 % of the truth in the median. */
static void
test_truth(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  static const OperationKind checked[] = {OP_GEMM, OP_ELEMENTWISE, OP_ATTENTION, OP_SAMPLING,
                                          OP_COPY};
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(GError) error = NULL;
  g_autoptr(CalibrationReport) report = calibrate(f, bench, whole, &error);
  gboolean seen[OPERATIONS] = {FALSE};

  g_assert_no_error(error);
  g_assert_cmpint(report->end, ==, CALIBRATION_DONE);
  g_assert_cmpuint(report->left, ==, 0);
  g_assert_cmpuint(report->failures->len, ==, 0);
  for (guint i = 0; i < report->errors->len; i++) {
    const ProfileCheckResult *r = &g_array_index(report->errors, ProfileCheckResult, i);
    g_test_message("%s %s: %u held out, median %.2f %%, p95 %.2f %%, worst %.2f %%",
                   operations[r->operation].name, r->variant, r->n, 100 * r->median, 100 * r->p95,
                   100 * r->worst);
    seen[r->operation] = TRUE;
    g_assert_cmpuint(r->n, >=, 5);
    g_assert_cmpfloat(r->median, <, 0.01);
  }
  for (guint i = 0; i < G_N_ELEMENTS(checked); i++)
    g_assert_true(seen[checked[i]]);
}

/* What is read as it stands is what is true. */
static void
test_samples(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(CalibrationReport) report = calibrate(f, bench, whole, NULL);
  g_autoptr(Profile) profile = profile_store_read(f->path, NULL);
  gboolean seen[OPERATIONS] = {FALSE};

  g_assert_nonnull(report);
  g_assert_nonnull(profile);
  for (guint i = 0; i < profile->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(profile->samples, ProfileSample, i);
    seen[sample->operation] = TRUE;
    if (sample->operation != OP_HOST)
      g_assert_cmpfloat(fabs(sample->median_ns / synthetic_true_ns(sample) - 1), <, 0.01);
  }
  for (guint i = 0; i < OPERATIONS; i++) /* one card has no one to reduce with */
    g_assert_true(seen[i] || i == OP_ALL_REDUCE);
}

/* Where the fit is off there are more samples: on both sides of a step, none in a straight line. */
static void
test_adaptive(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(CalibrationReport) report = calibrate(f, bench, whole, NULL);
  g_autoptr(Profile) profile = profile_store_read(f->path, NULL);
  guint n, small = 0, large = 0;
  const ProfileSample *samples = profile_samples(profile, OP_ATTENTION, &n);
  gint64 last = -1;

  g_assert_nonnull(report);
  for (guint i = 0; i < n; i++) {
    if (samples[i].shape[1] > 0 || samples[i].shape[3] == last)
      continue;
    last = samples[i].shape[3];
    small += last <= 16;
    large += last > 16;
  }
  g_assert_cmpuint(small, >, 6); /* the plan's, 1, 2, 4, 8, 12, 16, and steps found between them */
  g_assert_cmpuint(large, <=, 12); /* the plan's are ten */
}

static char *
digest_of(const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) profile = profile_store_read(path, &error);

  g_assert_no_error(error);
  for (guint i = 0; i < profile->origins->len; i++)
    g_array_index(profile->origins, ProfileOrigin, i).date = "";
  return profile_digest(profile);
}

/* The same seed, the same device: the same profile. Another seed, another. */
static void
test_deterministic(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const Order other = {.is_quick = TRUE, .limit_s = 60, .seed = 12};
  const Order *orders[] = {&quick, &quick, &other};
  char *digests[3];

  for (guint i = 0; i < G_N_ELEMENTS(orders); i++) {
    g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
    g_autoptr(CalibrationReport) report = calibrate(f, bench, *orders[i], NULL);
    g_assert_nonnull(report);
    digests[i] = digest_of(f->path);
    g_unlink(f->path);
  }
  g_assert_cmpstr(digests[0], ==, digests[1]);
  g_assert_cmpstr(digests[0], !=, digests[2]);
  for (guint i = 0; i < G_N_ELEMENTS(orders); i++)
    g_free(digests[i]);
}

/* Stopped again and again: what is measured is kept, nothing is measured twice, and the end is that
 * of one calibration that was left alone. Without noise, so that both see the same. */
static void
test_resume(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const SyntheticOptions exact = {.seed = 3, .failing = OP_HOST};
  g_autoptr(BenchDevice) alone = synthetic_device_new(&exact);
  g_autoptr(BenchDevice) bench = synthetic_device_new(&exact);
  g_autoptr(CalibrationReport) undisturbed = calibrate(f, alone, quick, NULL);
  g_autoptr(Profile) first = profile_store_read(f->path, NULL);
  g_autoptr(Profile) second = NULL;
  guint starts = 0;

  g_assert_nonnull(undisturbed);
  g_unlink(f->path);
  for (gboolean done = FALSE; !done; starts++) {
    const Order again = {.is_quick = TRUE, .limit_s = 1e5, .seed = 99 + starts};
    g_autoptr(GError) error = NULL;
    g_autoptr(CalibrationReport) report = NULL;
    f->stop_after = 60;
    report = calibrate(f, bench, starts == 0 ? quick : again, &error);
    g_assert_no_error(error);
    g_assert_cmpint(report->is_resumed, ==, starts > 0);
    g_assert_cmpint(report->end, !=, CALIBRATION_TIME_UP);
    done = report->end == CALIBRATION_DONE;
    g_assert_cmpuint(starts, <, 100);
  }
  g_assert_cmpuint(starts, >, 3);
  second = profile_store_read(f->path, NULL);
  g_assert_cmpuint(second->samples->len, >=, first->samples->len);
  for (guint i = 0; i < second->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(second->samples, ProfileSample, i);
    guint times = synthetic_count(bench, sample);
    if (sample->operation != OP_HOST && sample->operation != OP_COPY_SUBMIT)
      g_assert_cmpuint(times, ==, 1);
  }
}

static void
test_time_limit(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  const Order order = {.limit_s = 20, .seed = 11};
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(CalibrationReport) report = calibrate(f, bench, order, NULL);

  g_assert_nonnull(report);
  g_assert_cmpint(report->end, ==, CALIBRATION_TIME_UP);
  g_assert_cmpint(report->elapsed_us, >=, 20 * G_USEC_PER_SEC);
  g_assert_cmpint(report->elapsed_us, <, 22 * G_USEC_PER_SEC);
}

/* A minute is enough for a profile that knows the model's step. */
static void
test_quick(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(CalibrationReport) report = calibrate(f, bench, quick, NULL);
  g_autoptr(Profile) profile = profile_store_read(f->path, NULL);
  const RooflineConfig config = {.device = f->nominal,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .scheduler = HOST_VLLM_V1,
                                 .copy_path = COPY_PATH_BATCHED,
                                 .what_if = WHAT_IF_NONE};
  const CostShape shape = {.contexts = decode_contexts_equal(4, 900),
                           .sampled = 4,
                           .sequences = 4,
                           .copy_in_blocks = 10};
  CostPiece piece = {.steps = 1};
  g_autoptr(CostModel) cost = NULL;

  g_assert_nonnull(report);
  g_assert_cmpuint(report->left, ==, 0);
  cost = profile_cost_new(profile, &config, NULL);
  g_assert_nonnull(cost);
  cost_model_step(cost, &shape, 1, &piece);
  for (CostComponent c = 0; c < COST_COMPONENTS; c++)
    if (c != COST_HOST)
      g_assert_cmpint(piece.measured_ps[c], ==, piece.base_ps[c]);
}

/* The cost of a step is what whole steps were measured to take, as graphs and one by one. */
static void
test_residual(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(CalibrationReport) report = calibrate(f, bench, whole, NULL);
  g_autoptr(Profile) profile = profile_store_read(f->path, NULL);
  RooflineConfig config = {.device = f->nominal,
                           .model = f->model,
                           .block_size = 16,
                           .tensor_parallel_size = 1,
                           .scheduler = HOST_VLLM_V1,
                           .what_if = WHAT_IF_NONE};
  const CostChunk chunk = {.tokens = 2048};
  const CostShape shapes[] = {
      {.contexts = decode_contexts_equal(32, 1024), .sampled = 32, .sequences = 32},
      {.prefills = &chunk, .n_prefills = 1, .sampled = 1, .sequences = 1}};
  const gint64 tail[] = {f->model->layers, f->model->hidden, f->model->ffn, f->model->heads,
                         f->model->kv_heads};

  g_assert_nonnull(report);
  for (guint i = 0; i < G_N_ELEMENTS(shapes); i++) {
    ProfileSample step = {.operation = OP_STEP, .variant = i == 0 ? STEP_GRAPH : STEP_EAGER};
    CostPiece piece = {.steps = 1};
    g_autoptr(CostModel) cost = profile_cost_new(profile, &config, NULL);
    step.shape[0] = i == 0 ? 0 : 2048;
    step.shape[2] = i == 0 ? 32 : 0;
    step.shape[3] = i == 0 ? 1024 : 0;
    memcpy(step.shape + 4, tail, sizeof tail);
    cost_model_step(cost, &shapes[i], 1, &piece);
    g_assert_cmpfloat(fabs((double)(cost_piece_total_ps(&piece) - piece.base_ps[COST_HOST]) /
                               (PS_PER_NS * synthetic_true_ns(&step)) -
                           1),
                      <, 0.01);
  }
}

/* A step as a server has it: decodes, or a prompt. */
typedef struct {
  guint32 new_tokens, decodes, context;
} WholeStep;

/* By how much a profile is off from the truth of a step, without the server's host time. */
static double
step_error(const Fixture *f, CostModel *cost, const WholeStep *s)
{
  const CostChunk chunk = {.tokens = s->new_tokens};
  const guint32 chunks = s->new_tokens > 0;
  const CostShape shape = {.prefills = &chunk,
                           .n_prefills = chunks,
                           .contexts = decode_contexts_equal(s->decodes, s->context),
                           .sampled = s->decodes + chunks,
                           .sequences = s->decodes + chunks};
  const ProfileSample key = {.operation = OP_STEP,
                             .variant = s->new_tokens > 0 ? STEP_EAGER : STEP_GRAPH,
                             .shape = {s->new_tokens, 0, s->decodes, s->context, f->model->layers,
                                       f->model->hidden, f->model->ffn, f->model->heads,
                                       f->model->kv_heads}};
  CostPiece piece = {.steps = 1};

  cost_model_step(cost, &shape, 1, &piece);
  return fabs((double)(cost_piece_total_ps(&piece) - piece.base_ps[COST_HOST]) /
                  (PS_PER_NS * synthetic_true_ns(&key)) -
              1);
}

static int
compare_errors(gconstpointer a, gconstpointer b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

/* Time that is up early leaves a profile that is coarser, and no worse than that. A measurement
 * takes what it takes on a GPU. */
static void
test_cut_off(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  static const struct {
    double limit_s, median, worst;
  } cuts[] = {
      {20, 0.05, 0.12}, {40, 0.02, 0.12}, {60, 0.01, 0.12}, {120, 0.01, 0.12}, {240, 0.01, 0.1}};
  static const WholeStep steps[] = {
      {0, 1, 500},   {0, 3, 900},   {0, 12, 700},   {0, 24, 1500}, {0, 32, 300}, {0, 50, 1100},
      {0, 100, 600}, {0, 200, 400}, {0, 256, 1000}, {100, 0, 0},   {300, 0, 0},  {600, 0, 0},
      {1000, 0, 0},  {1500, 0, 0},  {2048, 0, 0},   {3000, 0, 0},
  };
  static const SyntheticOptions slow = {
      .seed = 3, .noise = 0.003, .failing = OP_HOST, .each_s = 0.06};
  const RooflineConfig config = {.device = f->nominal,
                                 .model = f->model,
                                 .block_size = 16,
                                 .tensor_parallel_size = 1,
                                 .scheduler = HOST_VLLM_0_6,
                                 .captured = CAPTURED_DECODES,
                                 .captured_tokens = 256,
                                 .what_if = WHAT_IF_NONE};

  for (guint i = 0; i < G_N_ELEMENTS(cuts); i++) {
    g_autoptr(BenchDevice) bench = synthetic_device_new(&slow);
    const Order order = {.limit_s = cuts[i].limit_s, .seed = 11};
    g_autoptr(CalibrationReport) report = calibrate(f, bench, order, NULL);
    g_autoptr(Profile) profile = profile_store_read(f->path, NULL);
    g_autoptr(CostModel) cost = profile_cost_new(profile, &config, NULL);
    double errors[G_N_ELEMENTS(steps)];
    g_assert_cmpint(report->end, ==, CALIBRATION_TIME_UP);
    g_assert_nonnull(cost);
    for (guint s = 0; s < G_N_ELEMENTS(steps); s++) {
      errors[s] = step_error(f, cost, &steps[s]);
      g_test_message("%.0f s, %u new, %u x %u: %.1f %%", cuts[i].limit_s, steps[s].new_tokens,
                     steps[s].decodes, steps[s].context, 100 * errors[s]);
    }
    qsort(errors, G_N_ELEMENTS(errors), sizeof *errors, compare_errors);
    g_test_message("after %.0f s, %u of %u shapes: median %.1f %%, worst %.1f %%", cuts[i].limit_s,
                   report->planned - report->left, report->planned,
                   100 * errors[G_N_ELEMENTS(errors) / 2], 100 * errors[G_N_ELEMENTS(errors) - 1]);
    g_assert_cmpfloat(errors[G_N_ELEMENTS(errors) / 2], <, cuts[i].median);
    g_assert_cmpfloat(errors[G_N_ELEMENTS(errors) - 1], <, cuts[i].worst);
    g_unlink(f->path);
  }
}

static gboolean
has_marked_origin(const char *path, const char *text)
{
  g_autoptr(Profile) profile = profile_store_read(path, NULL);

  for (guint i = 0; i < profile->origins->len; i++)
    if (strstr(g_array_index(profile->origins, ProfileOrigin, i).source, text) != NULL)
      return TRUE;
  return FALSE;
}

static void
test_drift(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;

  options.drift = 20; /* 5.6 % in 10 s */
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_nonnull(strstr(f->notes->str, "the card has drifted"));
  g_assert_true(has_marked_origin(f->path, "batch 1; drifted: a "));
  g_assert_cmpuint(report->marked, >, 0);
}

static void
test_no_drift(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(CalibrationReport) report = calibrate(f, bench, whole, NULL);

  g_assert_nonnull(report);
  g_assert_cmpstr(f->notes->str, ==, "");
  g_assert_cmpuint(report->batches, >, 1);
  g_assert_cmpuint(report->marked, ==, 0);
  g_assert_false(has_marked_origin(f->path, "batch 1;"));
}

static void
test_throttle(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;

  options.throttle_after_s = 10;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_nonnull(strstr(f->notes->str, "lowers its clocks (heat): 1380 MHz at 87 °C"));
  g_assert_true(has_marked_origin(f->path, "throttled: heat"));
}

static void
test_busy(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;

  options.is_busy = TRUE;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_nonnull(
      strstr(f->notes->str, "the card is busy: 1 other process uses it, such as 4711 (python3)"));
  g_assert_true(has_marked_origin(f->path, "others used the card"));
  g_assert_cmpuint(report->marked, ==, report->batches);
}

/* An operation that goes wrong is named; the others are measured. */
static void
test_failing(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(Profile) profile = NULL;
  guint n;

  options.failing = OP_SAMPLING;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_cmpuint(report->failures->len, >=, 5);
  for (guint i = 0; i < report->failures->len; i++)
    g_assert_true(g_str_has_prefix(g_ptr_array_index(report->failures, i), "sampling sequences "));
  profile = profile_store_read(f->path, NULL);
  profile_samples(profile, OP_SAMPLING, &n);
  g_assert_cmpuint(n, ==, 0);
  profile_samples(profile, OP_GEMM, &n);
  g_assert_cmpuint(n, >, 50);
}

/* Rows that do not fit are left out whole: a fit would take a part of one for all of it. */
static void
test_memory(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(Profile) profile = NULL;
  guint n;
  const ProfileSample *samples;

  options.memory_limit_bytes = 1e9;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_cmpuint(report->failures->len, >, 0);
  profile = profile_store_read(f->path, NULL);
  samples = profile_samples(profile, OP_ATTENTION, &n);
  g_assert_cmpuint(n, >, 0);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint(samples[i].shape[3], <, 128);
}

/* Of what the card cannot do one line is said, not one a shape. */
static void
test_unsupported(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(CalibrationReport) report = NULL;

  f->model->weight_bits = 8;
  g_free(f->model->dtype);
  f->model->dtype = g_strdup("fp8");
  options.without_dtype = "fp8";
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, NULL);
  g_assert_nonnull(report);
  g_assert_cmpuint(report->failures->len, ==, 4 + 2); /* products but the head's, steps */
}

static void
test_lost(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  SyntheticOptions options = plain;
  g_autoptr(BenchDevice) bench = NULL;
  g_autoptr(BenchDevice) again = synthetic_device_new(&plain);
  g_autoptr(GError) error = NULL;
  g_autoptr(CalibrationReport) report = NULL;
  g_autoptr(Profile) profile = NULL;
  guint before;

  options.lost_after = 100;
  bench = synthetic_device_new(&options);
  report = calibrate(f, bench, quick, &error);
  g_assert_null(report);
  g_assert_error(error, BENCH_ERROR, BENCH_ERROR_LOST);
  profile = profile_store_read(f->path, NULL);
  g_assert_nonnull(profile);
  before = profile->samples->len;
  g_assert_cmpuint(before, >, 50);
  report = calibrate(f, again, quick, NULL);
  g_assert_nonnull(report);
  g_assert_true(report->is_resumed);
  g_assert_cmpuint(report->known, >, 50);
}

/* A file of something else is left alone, and so is another card's. */
static void
test_refused(Fixture *f, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(BenchDevice) bench = synthetic_device_new(&plain);
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) other = profile_new("other", "h100-sxm");
  const ProfileOrigin origin = {.source = "llmservingsim, somewhere"};
  const ProfileSample sample = {.operation = OP_GEMM,
                                .variant = "",
                                .dtype = "bfloat16",
                                .kernel = "",
                                .shape = {1, 2, 3},
                                .median_ns = 4};
  CalibrationReport *report;

  g_assert_true(g_file_set_contents(f->path, "a letter", -1, NULL));
  report = calibrate(f, bench, quick, &error);
  g_assert_null(report);
  g_assert_nonnull(strstr(error->message, "is no profile"));
  g_clear_error(&error);
  g_unlink(f->path);
  profile_add_origin(other, &origin);
  profile_add(other, &sample);
  profile_seal(other);
  g_assert_true(profile_store_write(other, f->path, NULL));
  report = calibrate(f, bench, quick, &error);
  g_assert_null(report);
  g_assert_nonnull(strstr(error->message, "tables that were imported; name another file"));
  g_assert_cmpuint(synthetic_total(bench), ==, 0);
}

#define ADD(name, function) g_test_add(name, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  ADD("/calibration/truth", test_truth);
  ADD("/calibration/samples", test_samples);
  ADD("/calibration/adaptive", test_adaptive);
  ADD("/calibration/deterministic", test_deterministic);
  ADD("/calibration/resume", test_resume);
  ADD("/calibration/time-limit", test_time_limit);
  ADD("/calibration/quick", test_quick);
  ADD("/calibration/residual", test_residual);
  ADD("/calibration/cut-off", test_cut_off);
  ADD("/calibration/drift", test_drift);
  ADD("/calibration/no-drift", test_no_drift);
  ADD("/calibration/throttle", test_throttle);
  ADD("/calibration/busy", test_busy);
  ADD("/calibration/failing", test_failing);
  ADD("/calibration/memory", test_memory);
  ADD("/calibration/unsupported", test_unsupported);
  ADD("/calibration/lost", test_lost);
  ADD("/calibration/refused", test_refused);
  return g_test_run();
}
