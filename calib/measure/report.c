/* The report of a calibration. */
#include "internal.h"

CalibrationReport *
calibration_report_new(void)
{
  CalibrationReport *report = g_new0(CalibrationReport, 1);

  report->errors = g_array_new(FALSE, FALSE, sizeof(ProfileCheckResult));
  report->failures = g_ptr_array_new_with_free_func(g_free);
  report->notes = g_ptr_array_new_with_free_func(g_free);
  report->texts = g_string_chunk_new(1024);
  return report;
}

void
calibration_report_free(CalibrationReport *report)
{
  if (report == NULL)
    return;
  g_array_unref(report->errors);
  g_ptr_array_unref(report->failures);
  g_ptr_array_unref(report->notes);
  g_string_chunk_free(report->texts);
  g_free(report);
}
