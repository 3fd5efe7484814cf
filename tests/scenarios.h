/* Which random scenarios a test of a part tries. TEST_SCENARIOS: how many; TEST_SEED: the first
 * one's seed (1). A failure names its scenario's seed, which TEST_SEED with TEST_SCENARIOS=1 tries
 * again. */
#pragma once

#include <glib.h>
#include <signal.h>

static inline guint32
scenarios_variable(const char *name, guint32 least, guint32 usual)
{
  const char *text = g_getenv(name);
  guint64 number;

  if (text == NULL)
    return usual;
  if (!g_ascii_string_to_unsigned(text, 10, least, G_MAXUINT32, &number, NULL))
    g_error("%s: found '%s', expected a whole number from %u on", name, text, least);
  return (guint32)number;
}

static inline guint32
scenarios_wanted(guint32 usual)
{
  return scenarios_variable("TEST_SCENARIOS", 1, usual);
}

static inline guint32
scenarios_first_seed(void)
{
  return scenarios_variable("TEST_SEED", 0, 1);
}

/* FALSE: somebody chose them, so what is rare need not be among them. */
static inline gboolean
scenarios_are_usual(void)
{
  return g_getenv("TEST_SCENARIOS") == NULL && g_getenv("TEST_SEED") == NULL;
}

static guint32 scenarios_current;

static inline void
scenarios_tell_current(int number G_GNUC_UNUSED)
{
  g_printerr("TEST_SCENARIOS=1 TEST_SEED=%u\n", scenarios_current);
}

/* An assertion that fails from here on names this seed. */
static inline void
scenarios_begin(guint32 seed)
{
  scenarios_current = seed;
  signal(SIGABRT, scenarios_tell_current);
}
