#include "requests_csv.h"

#include "report/text/format.h"
#include "request_rows.h"
#include "requests.h"
#include "sink.h"

struct RequestsCsv {
  Observer observer; /* first */
  Sink *sink;
  const Workload *workload;
  RequestRows *rows;
};

static void append_row(gpointer user_data, const RequestResult *result);

static void
on_request(Observer *self, const RequestResult *result)
{
  request_rows_tell(((RequestsCsv *)self)->rows, result);
}

RequestsCsv *
requests_csv_open(const char *path, const Workload *workload, GError **error)
{
  Sink *sink = sink_open(path, error);
  RequestsCsv *csv;

  if (sink == NULL)
    return NULL;
  csv = g_new0(RequestsCsv, 1);
  csv->observer = (Observer){.request = on_request};
  csv->sink = sink;
  csv->workload = workload;
  csv->rows = request_rows_new(workload, append_row, csv);
  g_string_append(sink_text(sink), "id,arrival_s,prompt_tokens,output_tokens,first_token_s,"
                                   "finish_s,preemptions,status\n");
  return csv;
}

Observer *
requests_csv_observer(RequestsCsv *csv)
{
  return &csv->observer;
}

static void
append_time(GString *text, gint64 time_ps)
{
  char seconds[FORMAT_SECONDS_MAX];

  g_string_append_c(text, ',');
  if (time_ps >= 0)
    g_string_append(text, format_seconds_ps(time_ps, seconds));
}

static void
append_row(gpointer user_data, const RequestResult *result)
{
  RequestsCsv *csv = user_data;
  GString *text = sink_text(csv->sink);
  char id[24];

  format_csv_cell(text, workload_id(csv->workload, result->request, id));
  append_time(text, result->arrival_ps);
  g_string_append_printf(text, ",%u,%u", result->prompt_tokens, result->generated_tokens);
  append_time(text, result->first_token_ps);
  append_time(text, result->status == STATUS_FINISHED ? result->finish_ps : -1);
  g_string_append_printf(text, ",%u,%s\n", result->preemptions,
                         request_outcome_name(result->status));
  sink_flush_if_full(csv->sink);
}

gboolean
requests_csv_close(RequestsCsv *csv, GError **error)
{
  request_rows_finish(csv->rows);
  return sink_close(csv->sink, error);
}

void
requests_csv_free(RequestsCsv *csv)
{
  if (csv == NULL)
    return;
  sink_free(csv->sink);
  request_rows_free(csv->rows);
  g_free(csv);
}
