#include "overhead.h"

#include <math.h>

#include "sim/units.h"

const char *
overhead_title(Overhead overhead)
{
  static const char *const titles[OVERHEADS] = {"recompute", "swap out", "swap in", "stall"};

  return titles[overhead];
}

double
overhead_s(const RunRecord *record, Overhead overhead)
{
  const Summary *sum = &record->summary;
  gint64 spent_ps =
      sum->overhead_recompute_ps + sum->overhead_swap_out_ps + sum->overhead_swap_in_ps;

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
    return fmax(0, ps_to_s(sum->makespan_ps) * (1 - 1 / record->slowdown) - ps_to_s(spent_ps));
  case OVERHEADS:
    break;
  }
  g_assert_not_reached();
}
