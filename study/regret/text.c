/* Regret for people: the table, and in words what could have been done better. */
#include "regret.h"

#include <math.h>

#include "report/text.h"
#include "report/text/format.h"
#include "report/text/table.h"

#define MOST_POLICIES_TOLD 3
#define MOST_STEPS_TOLD 3

static void
append_row(Table *table, const Regret *regret, const char *overflow, const char *victim,
           const PlayFigures *figures)
{
  double regret_share = regret_of(regret, figures);

  table_add(table, overflow);
  table_add(table, victim);
  if (isfinite(figures->mean_latency_s)) {
    table_take(table, format_duration(figures->mean_latency_s));
    table_take(table, regret_share < 0 ? g_strdup("below") : format_percent(regret_share));
  } else {
    table_add(table, run_end_name(figures->end));
    table_add(table, "");
  }
  table_take(table,
             isfinite(figures->ttft_p99_s) ? format_duration(figures->ttft_p99_s) : g_strdup("-"));
  table_take(table, format_number(figures->requests_per_s));
  table_take(table, format_number(figures->output_tokens_per_s));
  table_take(table, format_count(figures->preemptions));
}

static void
append_table(GString *text, const Regret *regret)
{
  static const char *const heads[] = {
      "overflow",  "victim",       "latency, mean",     "regret",
      "TTFT, p99", "requests / s", "output tokens / s", "preemptions"};
  g_autoptr(Table) table = table_new("llrrrrrr");

  for (guint i = 0; i < G_N_ELEMENTS(heads); i++)
    table_add(table, heads[i]);
  append_row(table, regret, "best found", "", &regret->best);
  for (guint i = 0; i < regret->policies->len; i++) {
    const RegretPolicy *policy = &g_array_index(regret->policies, RegretPolicy, i);
    append_row(table, regret, policy->overflow, policy->victim, &policy->figures);
  }
  for (guint i = 0; i < regret->bounds->len; i++) {
    const RegretBound *bound = &g_array_index(regret->bounds, RegretBound, i);
    append_row(table, regret, bound->name, "(a bound)", &bound->figures);
  }
  table_append(table, "", text);
  g_string_append_c(text, '\n');
  for (guint i = 0; i < regret->bounds->len; i++) {
    const RegretBound *bound = &g_array_index(regret->bounds, RegretBound, i);
    g_string_append_printf(text, "%s: %s.\n", bound->name, bound->help);
  }
}

static void
append_best(GString *text, const Regret *regret)
{
  const RegretPolicy *from =
      &g_array_index(regret->policies, RegretPolicy, (guint)MAX(regret->best_from, 0));
  const Search *search = &from->search;
  g_autofree char *runs = format_count(regret->plays);

  g_string_append_printf(text, "\nThe search took %s run%s. ", runs, regret->plays == 1 ? "" : "s");
  if (regret->best_from < 0) {
    g_string_append(text, "It did not find the best schedule; trying all of them did.\n");
  } else if (!search->ran || search->decisions->len == 0) {
    g_string_append_printf(text, "It found nothing better than %s with victims by %s%s.\n",
                           from->overflow, from->victim,
                           search->is_done ? ", of which no single other decision is better" : "");
  } else {
    g_string_append_printf(text,
                           "The best schedule is that of %s with victims by %s, with %u of %u "
                           "decisions changed",
                           from->overflow, from->victim, search->decisions->len,
                           search->n_evictions);
    g_string_append(text, search->is_done ? "; no single other decision makes it better.\n"
                          : regret->is_interrupted
                              ? "; it was interrupted before all others were tried.\n"
                              : "; the budget ended before all others were tried.\n");
  }
}

static void
append_exhaustive(GString *text, const Regret *regret)
{
  const Exhaustive *exhaustive = &regret->exhaustive;
  g_autofree char *schedules = format_count(exhaustive->schedules);
  double gap = regret_gap(regret);
  g_autofree char *gap_text = format_percent(isnan(gap) ? 0 : MAX(gap, 0));

  if (exhaustive->is_late)
    g_string_append_printf(text,
                           "Of all schedules, %s were tried before %s: how near the search came is "
                           "not known.\n",
                           schedules,
                           regret->is_interrupted ? "it was interrupted" : "the budget ended");
  else if (isnan(gap))
    g_string_append_printf(text,
                           "There are more schedules than the %s that were tried: how near the "
                           "search came is not known.\n",
                           schedules);
  else
    g_string_append_printf(text,
                           "All %s schedules were tried: the search's best is %s above the "
                           "least mean latency that there is.\n",
                           schedules, gap_text);
}

/* "evicting request 3 and copying its 20 blocks out" */
static void
append_choice(GString *text, const Regret *regret, const StepVictim *victim)
{
  char id[24];

  g_string_append_printf(text, "request %s ", workload_id(regret->workload, victim->request, id));
  switch (victim->action) {
  case OVERFLOW_RECOMPUTE:
    g_string_append_printf(text, "with its %u blocks dropped", victim->blocks);
    break;
  case OVERFLOW_SWAP:
    g_string_append_printf(text, "with its %u blocks copied to the host", victim->blocks);
    break;
  case OVERFLOW_SPLIT:
    g_string_append_printf(text, "with %u of its %u blocks copied to the host, the others dropped",
                           victim->copied_blocks, victim->blocks);
    break;
  case OVERFLOW_PARTIAL:
    g_string_append_printf(text, "with the last %u of its blocks dropped", victim->blocks);
    break;
  }
}

static void
append_step(GString *text, const Regret *regret, const SearchStep *step)
{
  g_autofree char *time = format_duration((double)step->time_ps / 1e12);
  g_autofree char *gain = format_duration(step->before_s - step->after_s);
  char id[24];

  g_string_append_printf(text, "  At %s (eviction %u) request %s needed blocks: it evicted ", time,
                         step->eviction + 1,
                         workload_id(regret->workload, step->before.beneficiary, id));
  append_choice(text, regret, &step->before);
  g_string_append(text, "; ");
  append_choice(text, regret, &step->after);
  g_string_append_printf(text, " would have lowered the mean latency by %s.\n", gain);
}

static int
by_gain(gconstpointer a, gconstpointer b)
{
  const SearchStep *one = a, *other = b;
  double gain = one->before_s - one->after_s, other_gain = other->before_s - other->after_s;

  if (gain != other_gain)
    return gain > other_gain ? -1 : 1;
  return one->eviction < other->eviction ? -1 : one->eviction > other->eviction;
}

static void
append_lost(GString *text, const Regret *regret, const RegretPolicy *policy)
{
  const Search *search = &policy->search;
  g_autoptr(GArray) steps = g_array_copy(search->steps);
  g_autofree char *lost =
      format_duration(policy->figures.mean_latency_s - search->best.mean_latency_s);
  g_autofree char *all =
      format_duration(policy->figures.mean_latency_s - regret->best.mean_latency_s);

  g_array_sort(steps, by_gain);
  g_string_append_printf(text,
                         "\n%s with victims by %s is %s above the best. Of that, %s was lost in %u "
                         "decision%s that the search changed%s:\n",
                         policy->overflow, policy->victim, all, lost, steps->len,
                         steps->len == 1 ? "" : "s",
                         search->is_done          ? ""
                         : regret->is_interrupted ? " before it was interrupted"
                                                  : " before its budget ended");
  for (guint i = 0; i < MIN(steps->len, MOST_STEPS_TOLD); i++)
    append_step(text, regret, &g_array_index(steps, SearchStep, i));
  if (steps->len > MOST_STEPS_TOLD)
    g_string_append_printf(text, "  and %u more, of less each ('--format json' has all).\n",
                           steps->len - MOST_STEPS_TOLD);
}

char *
regret_text(const Regret *regret)
{
  GString *text = g_string_new(NULL);
  guint n_told = 0;

  text_append_setting(text, &regret->header, FALSE);
  append_table(text, regret);
  append_best(text, regret);
  if (regret->has_exhaustive)
    append_exhaustive(text, regret);
  for (guint i = 0; i < regret->policies->len && n_told < MOST_POLICIES_TOLD; i++) {
    const RegretPolicy *policy = &g_array_index(regret->policies, RegretPolicy, i);
    if (!policy->search.ran || policy->search.steps->len == 0)
      continue;
    append_lost(text, regret, policy);
    n_told++;
  }
  return g_string_free(text, FALSE);
}
