/* The names that an environment variable holds are found whole, and others are told. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "kernels/attention.h"
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

/* Times of kernels are told apart by what is left out; what a kernel does not have is not named. */
static void
test_device_name(void)
{
  char name[ATTENTION_DEVICE_NAME_BYTES];
  AttentionDevice device = {.has_wgmma = TRUE,
                            .cuts_prefills = TRUE,
                            .levels_decodes = TRUE,
                            .widens_tiles = TRUE,
                            .maps_blocks = TRUE};

  g_unsetenv(KERNELS_WITHOUT);
  attention_device_name(&device, name, sizeof name);
  g_assert_cmpstr(name, ==, "sm_90a");
  device.levels_decodes = device.maps_blocks = FALSE;
  attention_device_name(&device, name, sizeof name);
  g_assert_cmpstr(name, ==, "sm_90a without decode-lists,tensor-maps");
  device.has_wgmma = FALSE;
  g_setenv(KERNELS_WITHOUT, WITHOUT_LAUNCH_AHEAD, TRUE);
  attention_device_name(&device, name, sizeof name);
  g_assert_cmpstr(name, ==, "sm_80 without decode-lists,launch-ahead");
  device = (AttentionDevice){.has_wgmma = TRUE}; /* the longest */
  attention_device_name(&device, name, sizeof name);
  g_assert_cmpuint(strlen(name), <, sizeof name - 1);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/without/names", test_names);
  g_test_add_func("/without/all", test_all);
  g_test_add_func("/without/device-name", test_device_name);
  return g_test_run();
}
