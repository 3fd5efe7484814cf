#include "run.h"

#include <string.h>

#include "report/figures.h"
#include "scenario/run/execute.h"
#include "store.h"
#include "study/identity.h"
#include "study/job_run.h"

typedef struct {
  PolicyMap *map;
  Results *results;
  GArray *jobs;          /* of guint: point * seeds + seed, that are to be run */
  GPtrArray *identities; /* of char *, one each, of those that are to be run; else NULL */
  gint64 deadline_us;
} Course;

/* Runs the point's requests under one choice. *unlimited is shared by all choices. */
static void
run_choice(const Course *c, const MapPoint *point, guint seed, const MapChoice *choice,
           Unlimited *unlimited, MapRun *run)
{
  g_autoptr(Settings) settings = policy_map_settings(c->map, point, seed, choice, NULL);
  g_autoptr(Scenario) scenario = NULL;
  g_autofree char *fault = NULL;
  const Workload *workload;
  RunRecord record;

  run->state = MAP_LACKED;
  if (settings == NULL || (workload = shelf_workload(c->map->shelf, settings, NULL)) == NULL ||
      (scenario = scenario_new_shared(settings, c->map->shelf, TRUE, NULL)) == NULL)
    return;
  const Execution execution = {.workload = workload,
                               .settings = settings,
                               .verb = "study policies",
                               .stride = TRUE,
                               .failure = &fault,
                               .unlimited = unlimited};
  execute_scenario(scenario, &execution, &record);
  run->state = fault == NULL && record.summary.end == RUN_DONE ? MAP_DONE : MAP_ENDED;
  for (guint f = 0; f < MAP_FIGURES; f++)
    run->figures[f] = figure_real(figure_find(map_figures[f]), &record);
  run_record_clear(&record);
}

static void
run_job(gpointer data, guint job, GByteArray *answer)
{
  const Course *c = data;
  const PolicyMap *map = c->map;
  const guint8 kind = ANSWER_RUN;
  guint n_seeds = map->request->n_seeds;
  const MapPoint *point = &g_array_index(map->points, MapPoint, job / n_seeds);
  Unlimited unlimited = {0};

  g_byte_array_set_size(answer, 0);
  g_byte_array_append(answer, &kind, 1);
  for (guint i = 0; i < map->choices->len; i++) {
    MapRun run = {0};
    run_choice(c, point, job % n_seeds, &g_array_index(map->choices, MapChoice, i), &unlimited,
               &run);
    g_byte_array_append(answer, (const guint8 *)&run, sizeof run);
  }
}

/* A run that served other requests than the engine's own policies did cannot be compared. */
static void
check_finished(const PolicyMap *map, guint point, guint seed)
{
  const MapRun *own = policy_map_run(map, point, seed, 0);

  for (guint c = 0; c < map->choices->len; c++) {
    MapRun *run = policy_map_run(map, point, seed, c);
    if (run->state == MAP_DONE && run->figures[MAP_FINISHED] != own->figures[MAP_FINISHED])
      run->state = MAP_ENDED;
  }
}

static gboolean
take(gpointer data, guint job, const GByteArray *answer, gboolean *failed, GError **error)
{
  Course *c = data;
  guint n_seeds = c->map->request->n_seeds, point = job / n_seeds, seed = job % n_seeds;
  g_autofree char *message = answer_message(answer);

  *failed = message != NULL;
  if (message != NULL) {
    g_set_error_literal(error, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED, message);
    return FALSE;
  }
  memcpy(policy_map_run(c->map, point, seed, 0), answer->data + 1,
         c->map->choices->len * sizeof(MapRun));
  check_finished(c->map, point, seed);
  if (!policy_store_put(c->results, c->map, point, seed, g_ptr_array_index(c->identities, job),
                        error))
    return FALSE;
  return TRUE;
}

/* Takes from the database what it holds; the rest becomes jobs: all points with the first seed,
 * then with the next, so that a study that ends early has whole maps. */
static gboolean
choose(Course *c, MapProgress *progress, GError **error)
{
  const MapChoice own = {0};
  PolicyMap *map = c->map;
  guint n_seeds = map->request->n_seeds;

  g_ptr_array_set_size(c->identities, (gint)(map->points->len * n_seeds));
  for (guint seed = 0; seed < n_seeds; seed++)
    for (guint p = 0; p < map->points->len; p++) {
      const MapPoint *point = &g_array_index(map->points, MapPoint, p);
      g_autoptr(Settings) settings = NULL;
      guint job = p * n_seeds + seed;
      gboolean found;
      if (point->refused != NULL || seed >= policy_map_seeds(map, point))
        continue;
      settings = policy_map_settings(map, point, seed, &own, error);
      c->identities->pdata[job] =
          settings != NULL ? run_identity(settings, map->shelf, NULL, error) : NULL;
      if (c->identities->pdata[job] == NULL ||
          !policy_store_look(c->results, map, p, seed, c->identities->pdata[job], &found, error))
        return FALSE;
      progress->n_jobs++;
      progress->n_before += found ? 1 : 0;
      if (!found)
        g_array_append_val(c->jobs, job);
    }
  return TRUE;
}

/* As long as there is time: a slice of the jobs, then the next. */
static gboolean
run_slices(Course *c, guint n_workers, MapProgress *progress, GError **error)
{
  const TransportWork work = {run_job, c};
  g_autoptr(Transport) transport = transport_local_new(&work, n_workers, c->jobs->len);
  guint slice = c->deadline_us == G_MAXINT64 ? c->jobs->len : 16 * transport->n_workers;

  while (progress->n_now < c->jobs->len && g_get_monotonic_time() < c->deadline_us) {
    const JobRun run = {.name = "policies",
                        .transport = transport,
                        .jobs = (const guint *)(gpointer)c->jobs->data + progress->n_now,
                        .n_jobs = MIN(slice, c->jobs->len - progress->n_now),
                        .take = take,
                        .data = c};
    guint n_done = 0;
    gboolean worked = job_run(&run, &n_done, error);
    progress->n_now += n_done;
    if (!worked)
      return FALSE;
  }
  return TRUE;
}

gboolean
policy_map_execute(PolicyMap *map, const MapRunOptions *options, MapProgress *progress,
                   GError **error)
{
  g_autoptr(GArray) jobs = g_array_new(FALSE, FALSE, sizeof(guint));
  g_autoptr(GPtrArray) identities = g_ptr_array_new_with_free_func(g_free);
  Course c = {map, options->results, jobs, identities, options->deadline_us};
  gboolean worked;

  *progress = (MapProgress){0};
  if (!policy_store_open(options->results, error) || !choose(&c, progress, error))
    return FALSE;
  results_set_ahead(options->results, TRUE);
  worked = jobs->len == 0 || run_slices(&c, options->n_workers, progress, error);
  results_set_ahead(options->results, FALSE);
  return worked;
}
