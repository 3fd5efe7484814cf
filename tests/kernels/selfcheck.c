/* The self-check's checks: they pass, and they find what is wrong. Built with the emulator in
 * CUDA's place, where the GPU's memory is this program's and can be damaged. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cli/selfcheck/result.h"
#include "tests/emulator/faults.h"

enum { SEED = 1, SHRINK = 512 };

static CheckContext
make_context(const CheckTamper *tamper)
{
  CheckContext context = {.tamper = tamper};

  g_assert_cmpint(attention_device_query(&context.attention), ==, 0);
  g_assert_cmpint(gemm_new(&context.gemm), ==, 0);
  return context;
}

/* Every kernel passes, with an error that is one: a check that compares nothing finds none. */
static void
test_passes(gconstpointer data)
{
  const KernelCheck *check = data;
  const CheckContext context = make_context(NULL);

  for (guint i = 0; i < check->num_cases[CHECK_TINY]; i++) {
    g_auto(CheckCase) result = {0};
    check_case_run(check, &context, i, SEED, &result);
    g_assert_nonnull(result.shape);
    if (result.problem != NULL) {
      g_test_message("%s case %u: %s: %s", check->name, i, result.shape, result.problem);
      g_test_fail();
    }
  }
  gemm_free(context.gemm);
}

/* An element that was not written, one that is off, and a byte before and behind the output. */
static void
leave_poison(gpointer data, void *output, gsize num_bytes)
{
  guint8 *bytes = output;

  (void)data;
  (void)num_bytes;
  bytes[0] = bytes[1] = 0xff;
}

static void
change_element(gpointer data, void *output, gsize num_bytes)
{
  guint8 *bytes = output;

  (void)data;
  (void)num_bytes;
  bytes[1] ^= 0x40; /* of the exponent */
}

static void
write_before(gpointer data, void *output, gsize num_bytes)
{
  (void)data;
  (void)num_bytes;
  ((guint8 *)output)[-1] = 0;
}

static void
write_behind(gpointer data, void *output, gsize num_bytes)
{
  (void)data;
  ((guint8 *)output)[num_bytes] = 0;
}

static void
test_finds(gconstpointer data)
{
  static const struct {
    void (*damage)(gpointer, void *, gsize);
    const char *what;
  } damages[] = {{leave_poison, "poison left"},
                 {change_element, "an element changed"},
                 {write_before, "written before"},
                 {write_behind, "written behind"}};
  const KernelCheck *check = data;

  for (guint i = 0; i < G_N_ELEMENTS(damages); i++) {
    const CheckTamper tamper = {.damage = damages[i].damage};
    const CheckContext context = make_context(&tamper);
    g_auto(CheckCase) result = {0};
    check_case_run(check, &context, 1, SEED, &result);
    if (result.problem == NULL) {
      g_test_message("%s: %s and not found: %s", check->name, damages[i].what, result.shape);
      g_test_fail();
    }
    if (i >= 2)
      g_assert_nonnull(g_strrstr(result.problem, damages[i].what));
    gemm_free(context.gemm);
  }
}

/* A driver that takes no pageable memory in a batch fails nothing; what it does not take is told.
 */
static void
test_refused(void)
{
  const CheckContext context = make_context(NULL);
  guint refused = 0;

  emulator_refuse_pageable_batches(TRUE);
  for (guint i = 0; i < check_kv_copy.num_cases[CHECK_TINY]; i++) {
    g_auto(CheckCase) result = {0};
    check_case_run(&check_kv_copy, &context, i, SEED, &result);
    g_assert_cmpstr(result.problem, ==, NULL);
    g_assert_true(result.refused == NULL || (strstr(result.shape, "batch") != NULL &&
                                             strstr(result.shape, "pageable") != NULL));
    refused += result.refused != NULL;
  }
  emulator_refuse_pageable_batches(FALSE);
  g_assert_cmpuint(refused, >, 0);
  g_assert_cmpuint(refused, <, check_kv_copy.num_cases[CHECK_TINY] / 2);
  gemm_free(context.gemm);
}

/* The same case has the same shape and error, whatever ran before it. */
static void
test_repeats(void)
{
  const CheckContext context = make_context(NULL);
  g_auto(CheckCase) first = {0}, again = {0}, other = {0};

  check_case_run(&check_decode, &context, 3, SEED, &first);
  check_case_run(&check_bias, &context, 0, SEED, &other);
  check_case_run(&check_decode, &context, 3, SEED, &again);
  g_assert_cmpstr(first.shape, ==, again.shape);
  g_assert_true(first.found.error == again.found.error && first.found.error > 0);
  check_case_clear(&again);
  check_case_run(&check_decode, &context, 3, SEED + 1, &again);
  g_assert_true(first.found.error != again.found.error);
  gemm_free(context.gemm);
}

static void
count_row(gpointer data, const SpeedRow *row)
{
  guint *count = data;

  if (row->problem != NULL)
    g_error("%s, %s: %s", row->kernel, row->shape, row->problem);
  g_assert_cmpfloat(row->timing.median_ns, >, 0);
  g_assert_true(row->work > 0 || row->unit == SPEED_TIME);
  g_assert_true(row->ideal_ns > 0 || g_str_equal(row->kernel, "ceiling"));
  *count += 1;
}

/* Every timing is asked for rightly: its call succeeds, small. */
static void
test_speeds(void)
{
  const CheckContext check = make_context(NULL);
  g_autoptr(GRand) rand = g_rand_new_with_seed(SEED);
  guint count = 0;
  SpeedContext context = {.attention = check.attention,
                          .gemm = check.gemm,
                          .rand = rand,
                          .shrink = SHRINK,
                          .row_done = count_row,
                          .data = &count};

  g_assert_cmpint(timer_new(&context.timer), ==, 0);
  for (const KernelSpeed *speed = kernel_speeds; speed->name != NULL; speed++) {
    const guint before = count;
    speed->run(&context);
    g_assert_cmpuint(count, >, before);
  }
  timer_free(context.timer);
  gemm_free(check.gemm);
}

static void
test_marks(void)
{
  SpeedRow row = {.ideal_ns = 90, .timing.median_ns = 100, .target = {.85, .92, .95}};

  g_assert_cmpstr(speed_mark(&row), ==, "must");
  row.ideal_ns = 96;
  g_assert_cmpstr(speed_mark(&row), ==, "aim");
  row.ideal_ns = 93;
  g_assert_cmpstr(speed_mark(&row), ==, "good");
  row.ideal_ns = 10;
  g_assert_cmpstr(speed_mark(&row), ==, "below must");
  row.target = (SpeedTarget){.good = 0.8};
  g_assert_cmpstr(speed_mark(&row), ==, "below good");
  row.target = (SpeedTarget){0};
  g_assert_cmpstr(speed_mark(&row), ==, "");
  row.target.must = 0.05;
  row.problem = "none";
  g_assert_cmpstr(speed_mark(&row), ==, "");
}

/* The verb, in a process of its own. */
static int
run_verb(const char *const *words)
{
  const guint count = g_strv_length((char **)words);
  g_autofree char **argv = g_memdup2(words, (count + 1) * sizeof *words);

  return selfcheck_verb((int)count, argv, selfcheck_run);
}

static void
test_verb(void)
{
  static const char *const words[] = {"selfcheck", "--only", "decode", "--case",
                                      "3",         "--seed", "5",      NULL};

  if (g_test_subprocess())
    exit(run_verb(words));
  g_test_trap_subprocess(NULL, 0, 0);
  g_test_trap_assert_passed();
  g_test_trap_assert_stdout("Emulated H100: compute capability 9.0*seed 5*\ndecode*1  *passed*"
                            "1 kernels, 1 cases: all passed*");
}

static void
test_verb_json(void)
{
  static const char *const words[] = {
      "selfcheck", "--only", "stream-copy,bias", "--quick", "--no-timings", "--format",
      "json",      NULL};

  if (g_test_subprocess())
    exit(run_verb(words));
  g_test_trap_subprocess(NULL, 0, 0);
  g_test_trap_assert_passed();
  g_test_trap_assert_stdout("{*\"passed\": true*\"kernel\": \"bias\"*\"failures\": []*");
}

/* --help lists the kernels, by which they are completed. */
static void
test_verb_help(void)
{
  static const char *const words[] = {"selfcheck", "--help", NULL};

  if (g_test_subprocess())
    exit(run_verb(words));
  g_test_trap_subprocess(NULL, 0, 0);
  g_test_trap_assert_passed();
  for (guint i = 0; kernel_checks[i] != NULL; i++) {
    g_autofree char *pattern =
        g_strdup_printf("*\nKernels:\n*%s*\nExamples:*", kernel_checks[i]->name);
    g_test_trap_assert_stdout(pattern);
  }
}

static void
test_verb_refuses(void)
{
  static const char *const words[] = {"selfcheck", "--only", "decode", "--case", "4000", NULL};

  if (g_test_subprocess())
    exit(run_verb(words));
  g_test_trap_subprocess(NULL, 0, 0);
  g_test_trap_assert_failed();
  g_test_trap_assert_stderr("*--case: found '4000', expected*");
}

/* What hangs is ended from outside, and is known then. */
static void
test_ended(gconstpointer data)
{
  const gint64 number = GPOINTER_TO_INT(data);
  Selfcheck s = {.seed = 5};

  if (g_test_subprocess()) {
    selfcheck_tell_when_ended();
    selfcheck_under_way(&s, "bias", 7);
    selfcheck_under_way(&s, NULL, 0);
    if (number != 0)
      selfcheck_under_way(&s, "decode-lists", number);
    raise(SIGTERM);
    exit(0);
  }
  g_test_trap_subprocess(NULL, 0, 0);
  g_test_trap_assert_failed();
  g_test_trap_assert_stderr_unmatched("*bias*");
  g_test_trap_assert_stderr(number == 0  ? ""
                            : number > 0 ? "ENDED: decode-lists case 3: by a signal\n"
                                           "  again: spillway selfcheck --only decode-lists --case 3 "
                                           "--seed 5\n"
                                         : "ENDED: decode-lists timings: by a signal\n");
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (guint i = 0; kernel_checks[i] != NULL; i++) {
    g_autofree char *passes = g_strdup_printf("/selfcheck/%s/passes", kernel_checks[i]->name);
    g_autofree char *finds = g_strdup_printf("/selfcheck/%s/finds", kernel_checks[i]->name);
    g_test_add_data_func(passes, kernel_checks[i], test_passes);
    g_test_add_data_func(finds, kernel_checks[i], test_finds);
  }
  g_test_add_func("/selfcheck/refused", test_refused);
  g_test_add_func("/selfcheck/repeats", test_repeats);
  g_test_add_func("/selfcheck/speeds", test_speeds);
  g_test_add_func("/selfcheck/marks", test_marks);
  g_test_add_data_func("/selfcheck/ended/nothing", GINT_TO_POINTER(0), test_ended);
  g_test_add_data_func("/selfcheck/ended/case", GINT_TO_POINTER(3), test_ended);
  g_test_add_data_func("/selfcheck/ended/timings", GINT_TO_POINTER(-1), test_ended);
  g_test_add_func("/selfcheck/verb", test_verb);
  g_test_add_func("/selfcheck/verb/json", test_verb_json);
  g_test_add_func("/selfcheck/verb/help", test_verb_help);
  g_test_add_func("/selfcheck/verb/refuses", test_verb_refuses);
  return g_test_run();
}
