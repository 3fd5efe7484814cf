/* The form "spillway": CSV of arrival_s, prompt_tokens, output_tokens and, where the trace has
 * them, id, priority and max_tokens. Our own form, so its first line is a comment with a format
 * number; files without one (written by hand) are taken as form 1. Written from a workload and read
 * again it gives the same bytes.
 */
#include "traces/csv.h"

#include "traces/number.h"

static const CsvSchema schema = {
    .columns =
        {
            [CSV_ARRIVAL] = {"arrival_s", FALSE},
            [CSV_PROMPT] = {"prompt_tokens", FALSE},
            [CSV_OUTPUT] = {"output_tokens", FALSE},
            [CSV_ID] = {"id", TRUE},
            [CSV_PRIORITY] = {"priority", TRUE},
            [CSV_MAX_TOKENS] = {"max_tokens", TRUE},
        },
    .time_expected = "seconds, such as 12.5",
    .time = csv_time_seconds,
};

static gboolean
write_all(const TraceFormat *self G_GNUC_UNUSED, TraceOutput *out, const Workload *workload,
          GError **error)
{
  GString *text = out->text;
  gboolean with_ids = workload_has_ids(workload);
  char buffer[NUMBER_BUFFER_BYTES];

  g_string_append_printf(text, "arrival_s,prompt_tokens,output_tokens%s%s%s\n",
                         with_ids ? ",id" : "", workload->priorities != NULL ? ",priority" : "",
                         workload->has_max_tokens ? ",max_tokens" : "");
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    g_string_append_printf(text, "%s,%u,%u",
                           number_print(request->arrival_ps, DECIMALS_MAX, 0, buffer),
                           request->prompt_tokens, request->output_tokens);
    if (with_ids) {
      g_string_append_c(text, ',');
      if (!csv_write_id(text, workload, i, error))
        return FALSE;
    }
    if (workload->priorities != NULL)
      g_string_append_printf(text, ",%d", workload_priority(workload, i));
    if (workload->has_max_tokens)
      g_string_append_printf(text, ",%u", request_max_tokens(request));
    g_string_append_c(text, '\n');
    if (!trace_output_spill(out, error))
      return FALSE;
  }
  return TRUE;
}

const TraceFormat trace_format_spillway = {
    .name = "spillway",
    .help = "CSV: seconds, prompt and output tokens, optional id, priority and max_tokens",
    .shape = "arrival_s,prompt_tokens,output_tokens[,id][,priority][,max_tokens]",
    .time_unit = "seconds",
    .flags = TRACE_KEEPS_IDS | TRACE_KEEPS_PRIORITY | TRACE_KEEPS_MAX_TOKENS | TRACE_HAS_COMMENTS,
    .csv = &schema,
    .write = write_all,
};
