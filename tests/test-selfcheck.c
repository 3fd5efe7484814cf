/* The self-check's checks: they pass, and they find what is wrong. Built with the emulator in
 * CUDA's place, where the GPU's memory is this program's and can be damaged. */
#include "kernels/check/check.h"

enum { SEED = 1 };

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
  g_test_add_func("/selfcheck/repeats", test_repeats);
  return g_test_run();
}
