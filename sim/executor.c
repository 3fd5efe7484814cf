#include "executor.h"

#include <math.h>

void
executor_free(Executor *self)
{
  if (self != NULL)
    self->class->free(self);
}

/* About how many repeats take until_ps, in doubles: first n + growth n (n - 1) / 2 solved for n. */
static gint64
guess_repeats(gint64 first_ps, gint64 growth_ps, gint64 until_ps)
{
  double first = (double)first_ps, growth = (double)growth_ps, until = (double)until_ps;
  double b = first - growth / 2;

  if (growth_ps == 0)
    return first_ps > 0 ? (gint64)(until / first) : 0;
  return (gint64)((sqrt(b * b + 2 * growth * until) - b) / growth);
}

/* repeats_elapsed_ps(), or G_MAXINT64 where that overflows. */
static gint64
elapsed_at_most(gint64 first_ps, gint64 growth_ps, guint32 n)
{
  gint64 alike_ps, grown_ps, sum_ps;

  if (__builtin_mul_overflow(first_ps, (gint64)n, &alike_ps) ||
      __builtin_mul_overflow(growth_ps, (gint64)n * ((gint64)n - 1) / 2, &grown_ps) ||
      __builtin_add_overflow(alike_ps, grown_ps, &sum_ps))
    return G_MAXINT64;
  return sum_ps;
}

/* A guess in doubles, then exact steps of one from there. */
guint32
repeats_until(gint64 first_ps, gint64 growth_ps, guint32 n, const RepeatLimit *limit)
{
  guint32 back = limit->lookahead;
  guint32 repeats;
  gint64 guess;

  g_assert(back <= 1);
  if (n <= 1 || elapsed_at_most(first_ps, growth_ps, n - 1 - back) < limit->until_ps)
    return n;
  if (limit->until_ps <= 0)
    return 1;
  guess = guess_repeats(first_ps, growth_ps, limit->until_ps) + back;
  repeats = (guint32)CLAMP(guess, 1, n);
  while (repeats < n && elapsed_at_most(first_ps, growth_ps, repeats - back) < limit->until_ps)
    repeats++;
  while (repeats > 1 && elapsed_at_most(first_ps, growth_ps, repeats - 1 - back) >= limit->until_ps)
    repeats--;
  return repeats;
}
