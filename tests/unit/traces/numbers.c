/* Decimals in traces: exact to the last digit that is asked for. */
#include "traces/number.h"

#include <string.h>

static void
test_decimals(void)
{
  static const struct {
    const char *text;
    gint64 whole, fraction;
  } decimals[] = {
      {"0", 0, 0},
      {"1777142838.338653", 1777142838, 338653000000},
      {".5", 0, 500000000000},
      {"5.", 5, 0},
      {"0.9999999999996", 1, 0},
      {"1.0000000000005", 1, 1},
      {"1.25e-3", 0, 1250000000},
      {"1.25E+3", 1250, 0},
      {"12e-14", 0, 0},
      {"00000000000000000000012", 12, 0},
  };
  for (guint i = 0; i < G_N_ELEMENTS(decimals); i++) {
    gint64 whole, fraction;
    const char *stop, *text = decimals[i].text;
    g_assert_true(number_decimal(text, text + strlen(text), 12, &whole, &fraction, &stop));
    g_assert_cmpint(whole, ==, decimals[i].whole);
    g_assert_cmpint(fraction, ==, decimals[i].fraction);
    g_assert_cmpstr(stop, ==, "");
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/numbers/decimals", test_decimals);
  return g_test_run();
}
