/* The form "vidur": the CSV that the Vidur simulator replays; more columns may follow and are
 * ignored. Times are relative and stay as they are.
 */
#include "traces/csv.h"

#include "traces/number.h"

static const CsvSchema schema = {
    .columns =
        {
            [CSV_ARRIVAL] = {"arrived_at", FALSE},
            [CSV_PROMPT] = {"num_prefill_tokens", FALSE},
            [CSV_OUTPUT] = {"num_decode_tokens", FALSE},
        },
    .takes_more_columns = TRUE,
    .time_expected = "seconds, such as 12.5",
    .time = csv_time_seconds,
};

static gboolean
write_all(const TraceFormat *self, TraceOutput *out, const Workload *workload, GError **error)
{
  GString *text = out->text;
  char buffer[NUMBER_BUFFER_BYTES];

  g_string_append_printf(text, "%s\n", self->shape);
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    g_string_append_printf(text, "%s,%u,%u\n",
                           number_print(request->arrival_ps, DECIMALS_MAX, 0, buffer),
                           request->prompt_tokens, request->output_tokens);
    if (!trace_output_spill(out, error))
      return FALSE;
  }
  return TRUE;
}

const TraceFormat trace_format_vidur = {
    .name = "vidur",
    .help = "CSV of the Vidur simulator",
    .shape = "arrived_at,num_prefill_tokens,num_decode_tokens",
    .time_unit = "seconds",
    .csv = &schema,
    .write = write_all,
};
