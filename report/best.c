#include "best.h"

#include <math.h>

#include "sim/policies/policy.h"

gboolean
run_record_counts(const RunRecord *record)
{
  return record->summary.end == RUN_DONE &&
         (record->summary.finished > 0 || record->summary.requests == 0);
}

gboolean
run_record_is_bound(const RunRecord *record)
{
  for (guint kind = 0; kind < POLICY_KINDS; kind++) {
    const char *name =
        json_string_value(json_object_get(record->config, policy_kinds[kind].option));
    if (name != NULL && policy_is_bound(&policy_kinds[kind], name))
      return TRUE;
  }
  return FALSE;
}

gboolean
run_records_are_bounds(const RunRecord *records, guint n_records)
{
  for (guint i = 0; i < n_records; i++)
    if (!run_record_is_bound(&records[i]))
      return FALSE;
  return TRUE;
}

double
run_record_served(const RunRecord *record)
{
  return record->summary.requests > 0
             ? (double)record->summary.finished / (double)record->summary.requests
             : 1;
}

static gboolean
may_compete(const RunRecord *record, gboolean all_bounds)
{
  return run_record_counts(record) && (all_bounds || !run_record_is_bound(record));
}

RunRivals
run_rivals(const RunRecord *records, guint n_records)
{
  RunRivals rivals = {.all_bounds = run_records_are_bounds(records, n_records)};

  for (guint i = 0; i < n_records; i++)
    if (may_compete(&records[i], rivals.all_bounds))
      rivals.served = fmax(rivals.served, run_record_served(&records[i]));
  return rivals;
}

gboolean
run_record_competes(const RunRecord *record, const RunRivals *rivals)
{
  return may_compete(record, rivals->all_bounds) && run_record_served(record) >= rivals->served;
}

gboolean
figure_ties(double a, double b)
{
  return fabs(a - b) <= 1e-9 * MAX(fabs(a), fabs(b));
}

int
figure_best(const Figure *figure, const RunRecord *records, guint n_records)
{
  RunRivals rivals = run_rivals(records, n_records);
  gboolean differ = FALSE;
  double best = 0;
  int index = -1;

  for (guint i = 0; figure->better != BETTER_NEITHER && i < n_records; i++) {
    double value = figure_real(figure, &records[i]);
    if (isnan(value) || !run_record_competes(&records[i], &rivals))
      continue;
    differ = differ || (index >= 0 && !figure_ties(value, best));
    if (index < 0 ||
        (!figure_ties(value, best) && (value < best) == (figure->better == BETTER_LOW))) {
      best = value;
      index = (int)i;
    }
  }
  return differ ? index : -1;
}

gboolean
figure_is_best(const Figure *figure, const RunRecord *records, guint index, int best)
{
  return best >= 0 && run_record_counts(&records[index]) &&
         run_record_is_bound(&records[index]) == run_record_is_bound(&records[best]) &&
         run_record_served(&records[index]) >= run_record_served(&records[best]) &&
         figure_ties(figure_real(figure, &records[index]), figure_real(figure, &records[best]));
}
