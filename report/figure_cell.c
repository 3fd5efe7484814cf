/* How figures look in a table, on a terminal and on a page. */
#include "figure_cell.h"

#include <math.h>

char *
figure_cell(const Figure *figure, const RunRecord *record, const DurationUnit *unit)
{
  if (figure_is_count(figure))
    return format_count(figure_count(figure, record));
  if (figure_is_share(figure))
    return format_percent(figure_real(figure, record));
  if (isnan(figure_real(figure, record)))
    return g_strdup("-");
  if (figure_is_duration(figure))
    return format_duration_in(figure_real(figure, record), unit);
  return format_number(figure_real(figure, record));
}

char *
figure_change(double first, double value)
{
  double change = value / first - 1;

  if (!isfinite(change) || value == first || value == 0)
    return g_strdup("");
  if (fabs(change) >= 10)
    return g_strdup_printf("x %.3g", value / first);
  if (fabs(change) < 0.00005)
    return g_strdup("<0.01 %");
  return g_strdup_printf("%+.*f %%", fabs(change) < 0.1 ? 2 : 1, change * 100);
}
