/* A self-check's lines, printed as they come, and its JSON. */
#include "result.h"

#include <jansson.h>
#include <math.h>

#include "report/text/format.h"
#include "report/text/json_values.h"

#define GIB (1024.0 * 1024 * 1024)

gboolean
selfcheck_passed(const Selfcheck *s)
{
  return s->failures->len == 0 && s->num_broken == 0 && !s->is_lost;
}

/* "spillway selfcheck --only decode --case 3 --seed 5": runs that case again. The caller frees. */
static char *
again_text(const Selfcheck *s, const SelfcheckFailure *failure)
{
  return g_strdup_printf("spillway selfcheck --only %s --case %u --seed %u", failure->kernel,
                         failure->number, s->seed);
}

void
selfcheck_print_gpu(const Selfcheck *s)
{
  const GpuReport *gpu = &s->gpu;

  printf("%s: compute capability %d.%d, %u multiprocessors, %.1f GiB; driver for CUDA %d.%d, "
         "program of %d.%d\nseed %u\n\n",
         gpu->name, gpu->major, gpu->minor, gpu->multiprocessors, (double)gpu->memory_bytes / GIB,
         gpu->driver_cuda / 1000, gpu->driver_cuda % 1000 / 10, gpu->program_cuda / 1000,
         gpu->program_cuda % 1000 / 10, s->seed);
  printf("%-14s %6s  %-19s  %8s\n", "kernel", "cases", "error, of allowed", "time");
  fflush(stdout);
}

static char *
error_text(const SelfcheckKernel *kernel)
{
  if (kernel->limit == 0)
    return g_strdup("exact");
  return g_strdup_printf("%.1e of %.1e", kernel->worst_error, kernel->limit);
}

void
selfcheck_print_kernel(const SelfcheckKernel *kernel)
{
  if (kernel->lacks != NULL) {
    printf("%-14s skipped: %s\n", kernel->name, kernel->lacks);
  } else {
    g_autofree char *error = error_text(kernel);
    printf("%-14s %6u  %-19s %7.1f s  ", kernel->name, kernel->num_cases, error, kernel->seconds);
    if (kernel->num_failed == 0)
      printf("passed");
    else
      printf("%u FAILED", kernel->num_failed);
    if (kernel->num_refused > 0)
      printf("; %u skipped: the driver takes no %s", kernel->num_refused, kernel->refused);
    printf("\n");
  }
  fflush(stdout);
}

void
selfcheck_print_failure(const Selfcheck *s, const SelfcheckFailure *failure)
{
  g_autofree char *again = again_text(s, failure);

  printf("FAILED: %s case %u: %s\n  %s\n  again: %s\n", failure->kernel, failure->number,
         failure->shape != NULL ? failure->shape : "", failure->problem, again);
  fflush(stdout);
}

/* "798.1 TFLOP/s", "3,012 GB/s", nothing where time says it all. */
static char *
rate_text(const SpeedRow *row)
{
  const double per_ns = row->work / row->timing.median_ns;

  if (row->unit == SPEED_FLOPS)
    return g_strdup_printf("%.1f TFLOP/s", per_ns / 1e3);
  if (row->unit == SPEED_BYTES)
    return g_strdup_printf("%.1f GB/s", per_ns);
  return g_strdup("");
}

static void
print_speed_head(void)
{
  printf("\n%-62s %10s %15s  %s\n", "", "time", "rate", "share of the ceiling");
}

void
selfcheck_print_speed(const SpeedRow *row, const SpeedRow *before)
{
  g_autofree char *name = g_strdup_printf("%-14s %s", row->kernel, row->shape);

  if (before == NULL)
    print_speed_head();
  if (row->problem != NULL) {
    printf("%-62s not timed: %s\n", name, row->problem);
  } else {
    g_autofree char *rate = rate_text(row);
    g_autofree char *median = format_duration(row->timing.median_ns / 1e9);
    printf("%-62s %10s %15s", name, median, rate);
    if (speed_share(row) > 0)
      printf("  %5.1f %% of %s", 100 * speed_share(row), row->ceiling);
    if (*speed_mark(row) != '\0')
      printf(": %s", speed_mark(row));
    if (!row->timing.is_held && row->timing.submit_ns >= row->timing.median_ns / 2)
      printf(" (host time in it)");
    printf("\n");
  }
  fflush(stdout);
}

void
selfcheck_print_end(const Selfcheck *s)
{
  guint num_cases = 0, num_kernels = 0;

  for (guint i = 0; i < s->kernels->len; i++) {
    const SelfcheckKernel *kernel = &g_array_index(s->kernels, SelfcheckKernel, i);
    num_cases += kernel->num_cases;
    num_kernels += kernel->lacks == NULL ? 1 : 0;
  }
  printf("\n");
  if (s->is_lost)
    printf("The GPU no longer answers: what was left was not run.\n");
  if (s->failures->len > 0)
    printf("%u of %u cases FAILED, %.0f s.\n", s->failures->len, num_cases, s->seconds);
  else
    printf("%u kernels, %u cases: all passed, %.0f s.\n", num_kernels, num_cases, s->seconds);
  if (s->num_broken > 0)
    printf("%u timings FAILED.\n", s->num_broken);
  if (s->speeds->len > 0)
    printf("%u of %u timings are below what they must reach.\n", s->num_slow, s->speeds->len);
}

static json_t *
kernels_json(const Selfcheck *s)
{
  json_t *array = json_array();

  for (guint i = 0; i < s->kernels->len; i++) {
    const SelfcheckKernel *k = &g_array_index(s->kernels, SelfcheckKernel, i);
    json_array_append_new(array, json_pack("{ss si si si so sf sf ss*}", "kernel", k->name, "cases",
                                           (int)k->num_cases, "failed", (int)k->num_failed,
                                           "refused", (int)k->num_refused, "error",
                                           json_real_or_null(k->worst_error), "allowed", k->limit,
                                           "seconds", k->seconds, "skipped", k->lacks));
  }
  return array;
}

static json_t *
failures_json(const Selfcheck *s)
{
  json_t *array = json_array();

  for (guint i = 0; i < s->failures->len; i++) {
    const SelfcheckFailure *f = &g_array_index(s->failures, SelfcheckFailure, i);
    g_autofree char *again = again_text(s, f);
    json_array_append_new(array, json_pack("{ss si ss* ss ss}", "kernel", f->kernel, "case",
                                           (int)f->number, "shape", f->shape, "problem", f->problem,
                                           "again", again));
  }
  return array;
}

static json_t *
attention_json(const SpeedAttention *a)
{
  return json_pack("{ss si si si si si si sb}", "dtype", check_dtype_name(a->dtype), "batch",
                   (int)a->batch, "heads", (int)a->heads, "kv_heads", (int)a->kv_heads, "head_dim",
                   (int)a->head_dim, "new_tokens", (int)a->new_tokens, "context_tokens",
                   (int)a->context_tokens, "ragged", a->is_ragged);
}

static json_t *
speed_json(const SpeedRow *row)
{
  static const char *const units[] = {
      [SPEED_FLOPS] = "FLOP/s", [SPEED_BYTES] = "B/s", [SPEED_TIME] = "1/s"};
  const Timing *t = &row->timing;
  const char *mark = speed_mark(row);
  json_t *object = json_pack("{ss ss}", "kernel", row->kernel, "shape", row->shape);

  if (row->attention.batch > 0)
    json_object_set_new(object, "attention", attention_json(&row->attention));
  if (row->problem != NULL) {
    json_object_set_new(object, "problem", json_string(row->problem));
    return object;
  }
  json_object_update_new(object,
                         json_pack("{sf sf sf sf si si sb}", "median_ns", t->median_ns, "p10_ns",
                                   t->p10_ns, "p90_ns", t->p90_ns, "submit_ns", t->submit_ns,
                                   "samples", (int)t->num_samples, "calls_a_sample",
                                   (int)t->calls_per_sample, "held", t->is_held));
  if (row->work > 0)
    json_object_update_new(object, json_pack("{sf ss}", "rate", row->work / t->median_ns * 1e9,
                                             "unit", units[row->unit]));
  if (speed_share(row) > 0)
    json_object_update_new(object, json_pack("{sf ss ss*}", "share", speed_share(row), "ceiling",
                                             row->ceiling, "mark", *mark != '\0' ? mark : NULL));
  return object;
}

gboolean
selfcheck_write_json(const Selfcheck *s, FILE *out)
{
  const GpuReport *g = &s->gpu;
  json_t *speeds = json_array();
  json_t *root =
      json_pack("{si sb sb s{ss si si si sI si si} si so so sf}", "spillway_selfcheck", 1, "passed",
                selfcheck_passed(s), "complete", s->is_complete, "gpu", "name", g->name,
                "capability_major", g->major, "capability_minor", g->minor, "multiprocessors",
                (int)g->multiprocessors, "memory_bytes", (json_int_t)g->memory_bytes, "driver_cuda",
                g->driver_cuda, "program_cuda", g->program_cuda, "seed", (int)s->seed, "kernels",
                kernels_json(s), "failures", failures_json(s), "seconds", s->seconds);

  for (guint i = 0; i < s->speeds->len; i++)
    json_array_append_new(speeds, speed_json(&g_array_index(s->speeds, SpeedRow, i)));
  json_object_set_new(root, "speeds", speeds);
  const int status = json_dumpf(root, out, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
  json_decref(root);
  return status == 0 && fputc('\n', out) != EOF && fflush(out) == 0;
}
