#include "overhead.h"

#include <math.h>

#include "sim/units.h"

static const struct {
  const char *key, *title;
} overheads[OVERHEADS] = {
    [OVERHEAD_RECOMPUTE] = {"overhead_s.recompute", "recompute"},
    [OVERHEAD_SWAP_OUT] = {"overhead_s.swap_out", "swap out"},
    [OVERHEAD_SWAP_IN] = {"overhead_s.swap_in", "swap in"},
    [OVERHEAD_STALL] = {NULL, "stall"},
};

const char *
overhead_title(Overhead overhead)
{
  return overheads[overhead].title;
}

const char *
overhead_key(Overhead overhead)
{
  return overheads[overhead].key;
}

gint64
overhead_spent_ps(const RunRecord *record)
{
  const Summary *sum = &record->summary;

  return sum->overhead_recompute_ps + sum->overhead_swap_out_ps + sum->overhead_swap_in_ps;
}

double
overhead_s(const RunRecord *record, Overhead overhead)
{
  const Summary *sum = &record->summary;

  switch (overhead) {
  case OVERHEAD_RECOMPUTE:
    return ps_to_s(sum->overhead_recompute_ps);
  case OVERHEAD_SWAP_OUT:
    return ps_to_s(sum->overhead_swap_out_ps);
  case OVERHEAD_SWAP_IN:
    return ps_to_s(sum->overhead_swap_in_ps);
  case OVERHEAD_STALL:
    if (!isfinite(record->slowdown) || record->slowdown <= 0)
      return NAN;
    return fmax(0, ps_to_s(sum->makespan_ps) * (1 - 1 / record->slowdown) -
                       ps_to_s(overhead_spent_ps(record)));
  case OVERHEADS:
    break;
  }
  g_assert_not_reached();
}
