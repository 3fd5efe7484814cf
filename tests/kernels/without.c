/* The names that an environment variable holds are found whole, and others are told. */
#include "config.h"

#include <glib.h>

#include "kernels/without.h"

static void
test_names(void)
{
  g_unsetenv(KERNELS_WITHOUT);
  g_assert_false(kernels_without(WITHOUT_LAUNCH_AHEAD));
  g_assert_null(kernels_without_unknown());
  g_setenv(KERNELS_WITHOUT, "decode-lists,launch-ahead", TRUE);
  g_assert_true(kernels_without(WITHOUT_DECODE_LISTS));
  g_assert_true(kernels_without(WITHOUT_LAUNCH_AHEAD));
  g_assert_false(kernels_without(WITHOUT_PREFILL_CUTS));
  g_assert_null(kernels_without_unknown());
  g_setenv(KERNELS_WITHOUT, "launch,launch-ahead-of", TRUE);
  g_assert_false(kernels_without(WITHOUT_LAUNCH_AHEAD));
  g_assert_cmpstr(kernels_without_unknown(), ==, "launch,launch-ahead-of");
  g_setenv(KERNELS_WITHOUT, WITHOUT_PREFILL_CUTS ",dance", TRUE);
  g_assert_cmpstr(kernels_without_unknown(), ==, "dance");
  g_setenv(KERNELS_WITHOUT, "", TRUE);
  g_assert_null(kernels_without_unknown());
}

/* What a message lists is what is known. */
static void
test_all(void)
{
  g_auto(GStrv) names = g_strsplit(KERNELS_WITHOUT_NAMES, ", ", -1);
  g_autofree char *all = g_strjoinv(",", names);

  g_setenv(KERNELS_WITHOUT, all, TRUE);
  g_assert_null(kernels_without_unknown());
  for (char **name = names; *name != NULL; name++)
    g_assert_true(kernels_without(*name));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/without/names", test_names);
  g_test_add_func("/without/all", test_all);
  return g_test_run();
}
