/* A worker a core takes the next point; profiles are read before there are workers. */
#include "servers.h"

#include <math.h>
#include <string.h>

#include "scenario/run/execute.h"
#include "study/job_run.h"

typedef struct {
  GPtrArray *points;
  const Settings *given;
  Shelf *shelf;
} Prediction;

typedef struct {
  double ttft_ms, tpot_ms;
} Means;

/* Why the run cannot be compared with the measured one; NULL: it can. Caller frees. */
static char *
fault_of(const Summary *summary)
{
  if (summary->end != RUN_DONE)
    return g_strdup_printf("the run ended badly: %s", summary->end_reason);
  if (summary->finished < summary->requests)
    return g_strdup_printf(
        "%" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " requests cannot be served: %s",
        summary->requests - summary->finished, summary->requests,
        summary->ignored_reason != NULL ? summary->ignored_reason : "they were left");
  return NULL;
}

static void
run_point(gpointer data, guint index, GByteArray *answer)
{
  const Prediction *p = data;
  const guint8 kind = ANSWER_RUN;
  g_autoptr(GError) error = NULL;
  g_autoptr(Settings) settings =
      server_point_settings(g_ptr_array_index(p->points, index), p->given, &error);
  g_autoptr(Scenario) scenario = NULL;
  const Workload *workload = NULL;
  g_autofree char *fault = NULL;
  /* Nobody asks for the slowdown. */
  Unlimited unlimited = {.known = TRUE, .makespan_ps = -1};
  RunRecord record;
  Means means;

  if (settings != NULL && (workload = shelf_workload(p->shelf, settings, &error)) != NULL)
    scenario = scenario_new_shared(settings, p->shelf, TRUE, &error);
  if (scenario == NULL) {
    answer_failure(answer, error->message);
    return;
  }
  const Execution execution = {.workload = workload,
                               .settings = settings,
                               .verb = "servers",
                               .stride = !settings->no_stride,
                               .failure = &fault,
                               .unlimited = &unlimited};
  execute_scenario(scenario, &execution, &record);
  if (fault == NULL)
    fault = fault_of(&record.summary);
  means = (Means){record.summary.ttft_s.mean * 1000, record.summary.tpot_s.mean * 1000};
  run_record_clear(&record);
  if (fault != NULL) {
    answer_failure(answer, fault);
    return;
  }
  g_byte_array_set_size(answer, 0);
  g_byte_array_append(answer, &kind, 1);
  g_byte_array_append(answer, (const guint8 *)&means, sizeof means);
}

static gboolean
take(gpointer data, guint index, const GByteArray *answer, gboolean *failed,
     GError **error G_GNUC_UNUSED)
{
  Prediction *p = data;
  ServerPoint *point = g_ptr_array_index(p->points, index);
  g_autofree char *message = answer_message(answer);
  Means means;

  *failed = message != NULL;
  if (message != NULL) {
    server_point_refuse(point, "%s", message);
    return TRUE;
  }
  memcpy(&means, answer->data + 1, sizeof means);
  point->predicted_ttft_ms = means.ttft_ms;
  point->predicted_tpot_ms = means.tpot_ms;
  return TRUE;
}

/* The points that can be resolved. The others are refused. What is read for that stays on the
 * shelf, which the workers share. */
static GArray *
runnable(const Prediction *p)
{
  GArray *jobs = g_array_new(FALSE, FALSE, sizeof(guint));

  for (guint i = 0; i < p->points->len; i++) {
    ServerPoint *point = g_ptr_array_index(p->points, i);
    g_autoptr(GError) error = NULL;
    g_autoptr(Settings) settings =
        point->refused == NULL ? server_point_settings(point, p->given, &error) : NULL;
    g_autoptr(Scenario) scenario =
        settings != NULL ? scenario_new_shared(settings, p->shelf, FALSE, &error) : NULL;
    if (scenario != NULL)
      g_array_append_val(jobs, i);
    else if (error != NULL)
      server_point_refuse(point, "%s", error->message);
  }
  return jobs;
}

/* The points that were not run before Ctrl-C or SIGTERM. */
static void
refuse_the_rest(GPtrArray *points)
{
  for (guint i = 0; i < points->len; i++) {
    ServerPoint *point = g_ptr_array_index(points, i);
    if (point->refused == NULL && isnan(point->predicted_ttft_ms) &&
        isnan(point->predicted_tpot_ms))
      server_point_refuse(point, "it was not run: the command was stopped before");
  }
}

gboolean
servers_predict(GPtrArray *points, const Settings *given, Shelf *shelf, guint n_jobs, guint *n_done,
                guint *n_runnable, GError **error)
{
  Prediction prediction = {.points = points, .given = given, .shelf = shelf};
  g_autoptr(GArray) jobs = runnable(&prediction);
  const TransportWork work = {run_point, &prediction};
  g_autoptr(Transport) transport = transport_local_new(&work, n_jobs, jobs->len);
  const JobRun run = {.name = "servers",
                      .transport = transport,
                      .jobs = (const guint *)(gpointer)jobs->data,
                      .n_jobs = jobs->len,
                      .take = take,
                      .data = &prediction};
  g_autoptr(GError) failure = NULL;

  *n_runnable = jobs->len;
  if (!job_run(&run, n_done, &failure) && failure == NULL)
    refuse_the_rest(points);
  if (failure == NULL)
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}
