/* The form "azure": the CSV of Microsoft's published traces of production services, 2023
 * (timestamps with 7 decimals) and 2024 (with a zone). Times are absolute, the earliest becomes 0.
 *
 * Written with at least 7 decimals, as published, and with as many more as a time needs.
 */
#include "traces/csv.h"

#include "traces/number.h"
#include "sim/units.h"

/* 2023-11-16 00:00:00 UTC, the day of the published traces: the zero of those that we write. */
static const gint64 written_zero_s = 1700092800;

static const CsvSchema schema = {
    .columns =
        {
            [CSV_ARRIVAL] = {"TIMESTAMP", FALSE},
            [CSV_PROMPT] = {"ContextTokens", FALSE},
            [CSV_OUTPUT] = {"GeneratedTokens", FALSE},
        },
    .takes_more_columns = TRUE,
    .time_expected = "a time such as 2023-11-16 18:17:03.9799600",
    .time = number_timestamp,
};

static gboolean
write_all(const TraceFormat *self G_GNUC_UNUSED, TraceOutput *out, const Workload *workload,
          GError **error)
{
  GString *text = out->text;
  char date[NUMBER_BUFFER_BYTES], decimals[NUMBER_BUFFER_BYTES];

  g_string_append(text, "TIMESTAMP,ContextTokens,GeneratedTokens\n");
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    number_print_date(written_zero_s + request->arrival_ps / PS_PER_S, date);
    number_print(request->arrival_ps % PS_PER_S, DECIMALS_MAX, 7, decimals);
    g_string_append_printf(text, "%s%s,%u,%u\n", date, decimals + 1, request->prompt_tokens,
                           request->output_tokens);
    if (!trace_output_spill(out, error))
      return FALSE;
  }
  return TRUE;
}

const TraceFormat trace_format_azure = {
    .name = "azure",
    .help = "CSV of the Azure LLM inference traces, 2023 and 2024",
    .shape = "TIMESTAMP,ContextTokens,GeneratedTokens",
    .time_unit = "dates",
    .flags = TRACE_TIME_ABSOLUTE | TRACE_SKIPS_EMPTY,
    .csv = &schema,
    .write = write_all,
};
