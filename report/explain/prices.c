/* What every overflow policy would have cost: for one eviction, or summed over those of a run. */
#include "explain.h"

#include <math.h>

#include "report/results/results.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "sim/policies/overflow.h"

static double
price_of(ResultsQuery *row, guint policy)
{
  g_autofree char *column = results_price_column(overflow_policies[policy]);

  return results_query_real(row, column);
}

/* The place of the cheapest policy that a server can have; OVERFLOW_POLICIES_COUNT: none is known.
 */
static guint
cheapest(ResultsQuery *row)
{
  guint best = OVERFLOW_POLICIES_COUNT;
  double best_s = INFINITY;

  for (guint i = 0; i < OVERFLOW_POLICIES_COUNT; i++)
    if (!overflow_policies[i]->base.is_bound && price_of(row, i) < best_s) {
      best = i;
      best_s = price_of(row, i);
    }
  return best;
}

/* A policy that decides between two says by its price which it would have taken. */
static char *
note_on(ResultsQuery *row, guint policy, guint best)
{
  double price_s = price_of(row, policy);
  const char *least = price_s == price_of(row, best) ? "least" : "";

  if (overflow_policies[policy]->base.is_bound)
    return g_strdup("a bound");
  for (guint i = overflow_recompute_place; policy > overflow_swap_place && i <= overflow_swap_place;
       i++)
    if (price_s == price_of(row, i))
      return g_strdup_printf("as %s%s%s", overflow_policies[i]->base.name,
                             *least != '\0' ? ", " : "", least);
  return g_strdup(least);
}

char *
explain_price_sums(void)
{
  GString *sql = g_string_new(NULL);

  for (guint i = 0; i < OVERFLOW_POLICIES_COUNT; i++) {
    g_autofree char *column = results_price_column(overflow_policies[i]);
    g_string_append_printf(sql, "%ssum(%s) AS %s", i > 0 ? ", " : "", column, column);
  }
  return g_string_free(sql, FALSE);
}

void
explain_append_prices(ResultsQuery *row, const char *what, GString *text)
{
  g_autoptr(Table) table = table_new("lrl");
  guint best = cheapest(row);

  if (best == OVERFLOW_POLICIES_COUNT)
    return;
  g_string_append_printf(
      text, "\nWhat each policy would have made of %s, at the load that was met:\n\n", what);
  for (guint i = 0; i < OVERFLOW_POLICIES_COUNT; i++) {
    double price_s = price_of(row, i);
    if (isnan(price_s))
      continue;
    table_add(table, overflow_policies[i]->base.name);
    table_take(table, format_duration(price_s));
    table_take(table, note_on(row, i, best));
  }
  table_append(table, "  ", text);
}
