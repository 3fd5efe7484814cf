/* Runs a self-check: correctness first, then speed. */
#include "config.h"

#include "result.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "files/output.h"

typedef struct {
  gint64 begin_us;
  const SelfcheckOptions *options;
  CheckContext check;
  Selfcheck result;
} Run;

static gboolean
is_chosen(const SelfcheckOptions *options, const char *name)
{
  return options->kernels == NULL || g_strv_contains((const char *const *)options->kernels, name);
}

/* All names that --only knows. */
static GPtrArray *
list_names(void)
{
  GPtrArray *names = g_ptr_array_new();

  for (guint i = 0; kernel_checks[i] != NULL; i++)
    g_ptr_array_add(names, (gpointer)kernel_checks[i]->name);
  g_ptr_array_add(names, NULL);
  return names;
}

static gboolean
check_names(const SelfcheckOptions *options, GError **error)
{
  g_autoptr(GPtrArray) names = list_names();
  const char *const *known = (const char *const *)names->pdata;

  for (char **name = options->kernels; name != NULL && *name != NULL; name++)
    if (!g_strv_contains(known, *name)) {
      g_autofree char *all = g_strjoinv(", ", (char **)names->pdata);
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "--only: found '%s', expected some of %s", *name, all);
      return FALSE;
    }
  return TRUE;
}

static const KernelCheck *
find_check(const char *name)
{
  for (guint i = 0; kernel_checks[i] != NULL; i++)
    if (g_str_equal(kernel_checks[i]->name, name))
      return kernel_checks[i];
  g_assert_not_reached();
}

static gboolean
check_number(const SelfcheckOptions *options, GError **error)
{
  const guint all = options->number < 0 ? 0 : find_check(*options->kernels)->num_cases[CHECK_FULL];

  if (options->number < (gint64)all)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--case: found '%" G_GINT64_FORMAT "', expected 0 to %u of %s", options->number,
              all - 1, *options->kernels);
  return FALSE;
}

static void
keep_worst(SelfcheckKernel *kernel, const CheckCase *result)
{
  if (result->limit > 0 && (kernel->limit == 0 || !(result->found.error / result->limit <=
                                                    kernel->worst_error / kernel->limit))) {
    kernel->worst_error = result->found.error;
    kernel->limit = result->limit;
  }
}

static void
run_case(Run *run, const KernelCheck *check, guint number, SelfcheckKernel *kernel)
{
  Selfcheck *s = &run->result;
  CheckCase result;

  selfcheck_under_way(s, check->name, number);
  check_case_run(check, &run->check, number, s->seed, &result);
  selfcheck_under_way(s, NULL, 0);
  kernel->num_cases++;
  if (result.refused != NULL) {
    kernel->num_refused++;
    kernel->refused = result.refused;
  }
  keep_worst(kernel, &result);
  if (result.problem != NULL) {
    SelfcheckFailure failure = {check->name, number, g_steal_pointer(&result.shape),
                                g_steal_pointer(&result.problem)};
    g_array_append_val(s->failures, failure);
    kernel->num_failed++;
    if (!run->options->json)
      selfcheck_print_failure(s, &failure);
    s->is_lost = check_gpu_is_lost();
  }
  check_case_clear(&result);
}

/* Replaces the file, or leaves it as it was. */
static gboolean
write_output(const Selfcheck *s, const char *path, GError **error)
{
  char *text = NULL;
  size_t n_bytes = 0;
  FILE *out = open_memstream(&text, &n_bytes);
  gboolean worked = out != NULL && selfcheck_write_json(s, out);

  worked = out != NULL && fclose(out) == 0 && worked;
  if (worked)
    worked = output_write(path, text, (gssize)n_bytes, error);
  else
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno),
                "%s: it cannot be written: %s", path, g_strerror(errno));
  free(text);
  return worked;
}

/* Writes the results so far to -o, in case the rest is never reached. Only the last call's error is
 * reported. */
static gboolean
keep(Run *run, GError **error)
{
  const char *path = run->options->output;

  run->result.seconds = (double)(g_get_monotonic_time() - run->begin_us) / 1e6;
  return path == NULL || write_output(&run->result, path, error);
}

static void
run_check(Run *run, const KernelCheck *check)
{
  const SelfcheckOptions *options = run->options;
  const guint all = check->num_cases[options->quick ? CHECK_QUICK : CHECK_FULL];
  SelfcheckKernel kernel = {.name = check->name};
  const gint64 begin = g_get_monotonic_time();

  if (check->lacks != NULL)
    kernel.lacks = check->lacks(&run->check);
  if (kernel.lacks == NULL && options->number >= 0)
    run_case(run, check, (guint)options->number, &kernel);
  for (guint i = 0; kernel.lacks == NULL && options->number < 0 && i < all; i++)
    if (!run->result.is_lost)
      run_case(run, check, i, &kernel);
  kernel.seconds = (double)(g_get_monotonic_time() - begin) / 1e6;
  g_array_append_val(run->result.kernels, kernel);
  if (!options->json)
    selfcheck_print_kernel(&kernel);
  keep(run, NULL);
}

static void
keep_speed(gpointer data, const SpeedRow *row)
{
  Run *run = data;
  Selfcheck *s = &run->result;
  SpeedRow kept = *row;

  if (!run->options->json)
    selfcheck_print_speed(
        row, s->speeds->len > 0 ? &g_array_index(s->speeds, SpeedRow, s->speeds->len - 1) : NULL);
  kept.shape = g_strdup(row->shape);
  kept.problem = g_strdup(row->problem);
  g_array_append_val(s->speeds, kept);
  if (g_str_equal(speed_mark(row), "below must"))
    s->num_slow++;
  if (row->problem != NULL && g_strrstr(row->problem, "MemoryAllocation") == NULL)
    s->num_broken++;
}

/* Times the chosen kernels; the ceilings, which come first, are always measured. */
static gboolean
run_speeds(Run *run, GError **error)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(run->result.seed);
  SpeedContext context = {
      .attention = run->check.attention,
      .gemm = run->check.gemm,
      .rand = rand,
      .quick = run->options->quick,
      .shrink = 1,
      .row_done = keep_speed,
      .data = run,
  };
  const int status = timer_new(&context.timer);

  if (status != 0) {
    g_set_error(error, GPU_REPORT_ERROR, status, "the timer: %s", gemm_status_name(status));
    return FALSE;
  }
  for (const KernelSpeed *speed = kernel_speeds; speed->name != NULL; speed++)
    if (!run->result.is_lost && (speed == kernel_speeds || is_chosen(run->options, speed->name))) {
      selfcheck_under_way(&run->result, speed->name, -1);
      speed->run(&context);
      selfcheck_under_way(&run->result, NULL, 0);
      run->result.is_lost = check_gpu_is_lost();
      keep(run, NULL);
    }
  timer_free(context.timer);
  return TRUE;
}

static gboolean
open_gpu(Run *run, GError **error)
{
  int status;

  if (!gpu_report(&run->result.gpu, error))
    return FALSE;
  status = attention_device_query(&run->check.attention);
  if (status == 0)
    status = gemm_new(&run->check.gemm);
  if (status == 0)
    return TRUE;
  g_set_error(error, GPU_REPORT_ERROR, status, "%s: it cannot be used: %s", run->result.gpu.name,
              gemm_status_name(status));
  return FALSE;
}

static gboolean
run_all(Run *run, GError **error)
{
  const SelfcheckOptions *options = run->options;
  Selfcheck *s = &run->result;

  run->begin_us = g_get_monotonic_time();
  if (!open_gpu(run, error))
    return FALSE;
  if (!options->json)
    selfcheck_print_gpu(s);
  for (guint i = 0; kernel_checks[i] != NULL && !s->is_lost; i++)
    if (is_chosen(options, kernel_checks[i]->name))
      run_check(run, kernel_checks[i]);
  if (!options->no_timings && options->number < 0 && !s->is_lost && !run_speeds(run, error))
    return FALSE;
  s->is_complete = TRUE;
  const gboolean kept = keep(run, error);
  if (options->json)
    selfcheck_write_json(s, stdout);
  else
    selfcheck_print_end(s);
  return kept;
}

static void
clear_failure(gpointer failure)
{
  g_free(((SelfcheckFailure *)failure)->shape);
  g_free(((SelfcheckFailure *)failure)->problem);
}

static void
clear_speed(gpointer row)
{
  g_free((gpointer)((SpeedRow *)row)->shape);
  g_free((gpointer)((SpeedRow *)row)->problem);
}

int
selfcheck_run(const SelfcheckOptions *options)
{
  g_autoptr(GError) error = NULL;
  Run run = {.options = options, .result.seed = options->seed};
  int status = CLI_DONE;

  if (!check_names(options, &error) || !check_number(options, &error))
    return cli_error(CLI_USAGE, "selfcheck", "%s", error->message);
  run.result.kernels = g_array_new(FALSE, FALSE, sizeof(SelfcheckKernel));
  run.result.failures = g_array_new(FALSE, FALSE, sizeof(SelfcheckFailure));
  run.result.speeds = g_array_new(FALSE, FALSE, sizeof(SpeedRow));
  g_array_set_clear_func(run.result.failures, clear_failure);
  g_array_set_clear_func(run.result.speeds, clear_speed);
  selfcheck_tell_when_ended();
  if (!run_all(&run, &error))
    status = cli_error(CLI_FAILED, "selfcheck", "%s", error->message);
  else if (!selfcheck_passed(&run.result))
    status = CLI_FAILED;
  gemm_free(run.check.gemm);
  g_array_unref(run.result.kernels);
  g_array_unref(run.result.failures);
  g_array_unref(run.result.speeds);
  return status;
}
