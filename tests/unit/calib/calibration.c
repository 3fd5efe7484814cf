/* Calibration on a synthetic device: true costs are found again, what is measured is kept and never
 * measured twice, and what is wrong with a device is said.
 */
#include "tests/unit/calib/calibration_fixture.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>

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
  /* One card has no one to reduce with; what comes after steps is of layers that no kernel here is
   * of. */
  for (guint i = 0; i <= OP_STEP; i++)
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
  return g_test_run();
}
