/* The form "steps": the CSV that recorded schedules of real engines come with. Arrivals count
 * scheduler steps; a step is exactly one second, as the unit executor has it.
 */
#include "traces/csv.h"

#include "traces/number.h"
#include "sim/units.h"

static gboolean
time_steps(const char *text, const char *end, gint64 *seconds, gint64 *ps, const char **stop)
{
  *ps = 0;
  return number_whole(text, end, seconds, stop);
}

static const CsvSchema schema = {
    .columns =
        {
            [CSV_ARRIVAL] = {"arrival_step", FALSE},
            [CSV_PROMPT] = {"prompt_tokens", FALSE},
            [CSV_OUTPUT] = {"output_tokens", FALSE},
            [CSV_ID] = {"id", FALSE},
            [CSV_MAX_TOKENS] = {"max_tokens", TRUE},
        },
    .time_expected = "a whole number of steps",
    .time = time_steps,
};

static gboolean
write_all(const TraceFormat *self G_GNUC_UNUSED, TraceOutput *out, const Workload *workload,
          GError **error)
{
  GString *text = out->text;

  g_string_append_printf(text, "id,arrival_step,prompt_tokens,output_tokens%s\n",
                         workload->has_max_tokens ? ",max_tokens" : "");
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    char buffer[NUMBER_BUFFER_BYTES];
    if (request->arrival_ps % PS_PER_S != 0) {
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                  "a request arrives at %s s; the form steps holds whole seconds only",
                  number_print(request->arrival_ps, DECIMALS_MAX, 0, buffer));
      return FALSE;
    }
    if (!csv_write_id(text, workload, i, error))
      return FALSE;
    g_string_append_printf(text, ",%" G_GINT64_FORMAT ",%u,%u", request->arrival_ps / PS_PER_S,
                           request->prompt_tokens, request->output_tokens);
    if (workload->has_max_tokens)
      g_string_append_printf(text, ",%u", request_max_tokens(request));
    g_string_append_c(text, '\n');
    if (!trace_output_spill(out, error))
      return FALSE;
  }
  return TRUE;
}

const TraceFormat trace_format_steps = {
    .name = "steps",
    .help = "CSV of recorded schedules: arrivals in steps of one second",
    .shape = "id,arrival_step,prompt_tokens,output_tokens[,max_tokens]",
    .time_unit = "steps of 1 s",
    .flags = TRACE_KEEPS_IDS | TRACE_KEEPS_MAX_TOKENS,
    .csv = &schema,
    .write = write_all,
};
