/* spillway sweep: a study's grid of runs, in parallel, into one database.
 *
 * The whole plan is made first; cells that the database holds are not run again. Workers only run
 * cells: this process alone writes.
 */
#include "sweep.h"

#include "cli/cli.h"
#include "cli/format_option.h"
#include "study/sweep_run.h"

#define SUMMARY                                                                                    \
  "Runs a study, a grid of settings times seeds, on all cores, and prints what came of it.\n"      \
  "What FILE.db holds is not run again: killed at any moment, it goes on when started again."

#define EXAMPLES                                                                                   \
  "A study file:\n"                                                                                \
  "  [study]\n"                                                                                    \
  "  name = memory\n"                                                                              \
  "  seeds = 1,2,3\n"                                                                              \
  "  [run]\n"                                                                                      \
  "  model = llama-2-7b\n"                                                                         \
  "  device = a100-40gb\n"                                                                         \
  "  trace = gen:--requests 300 --rate 1.5 --prompt fixed:1000 --output uniform:64,512\n"          \
  "  [grid]\n"                                                                                     \
  "  overflow = recompute,swap\n"                                                                  \
  "  kv-memory = 10%,12%,20%,30%\n"                                                                \
  "\n"                                                                                             \
  "Examples:\n"                                                                                    \
  "  spillway sweep memory.ini -o memory.db\n"                                                     \
  "  spillway sweep memory.ini -o memory.db --dry-run\n"                                           \
  "  spillway sweep memory.ini -o part3.db --shard 3/8    (then: spillway merge)\n"                \
  "  mpirun -n 65 spillway sweep memory.ini -o memory.db  (built --with-mpi)\n"                    \
  "\n"                                                                                             \
  "Exit status: 0 every cell is done; 1 some are not (a message says how many, and why);\n"        \
  "2 the command line, the study or a file is wrong."

static const char *const detail_names[] = {"figures", "series", "all"};

static gboolean
parse_detail(const char *text, ResultsDetail *detail, GError **error)
{
  *detail = RESULTS_DETAIL_FIGURES;
  for (guint i = 0; text != NULL && i < G_N_ELEMENTS(detail_names); i++)
    if (g_str_equal(text, detail_names[i])) {
      *detail = (ResultsDetail)i;
      return TRUE;
    }
  if (text == NULL)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--detail: found '%s', expected figures, series or all", text);
  return FALSE;
}

/* "3/8". */
static gboolean
parse_shard(const char *text, guint *shard, guint *n_shards, GError **error)
{
  g_auto(GStrv) parts = NULL;
  guint64 i, n;

  *shard = *n_shards = 1;
  if (text == NULL)
    return TRUE;
  parts = g_strsplit(text, "/", -1);
  if (g_strv_length(parts) != 2 ||
      !g_ascii_string_to_unsigned(parts[1], 10, 1, 1000000, &n, NULL) ||
      !g_ascii_string_to_unsigned(parts[0], 10, 1, n, &i, NULL)) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--shard: found '%s', expected I/N with I from 1 to N, such as 3/8", text);
    return FALSE;
  }
  *shard = (guint)i;
  *n_shards = (guint)n;
  return TRUE;
}

static gboolean
refuse(GError **error, const char *message)
{
  g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
  return FALSE;
}

static gboolean
check_options(Sweep *s, GError **error)
{
  const SweepOptions *o = &s->options;
  guint64 jobs = 0;

  if (o->jobs != NULL && !typed_uint(o->jobs, "--jobs", 1, JOBS_MAX, &jobs, error))
    return FALSE;
  s->n_jobs = (guint)jobs;
  if (!parse_detail(o->detail, &s->detail, error) ||
      !parse_shard(o->shard, &s->shard, &s->n_shards, error) ||
      !output_format_parse(o->format, &s->format, error))
    return FALSE;
  if (o->output == NULL && !o->dry_run)
    return refuse(error, "-o is missing: the database that takes the results");
  if (o->dry_run && o->format != NULL)
    return refuse(error, "--dry-run prints a list of cells: leave --format out");
  if (o->jobs != NULL && s->cluster.size > 1)
    return refuse(error, "--jobs: under mpirun its processes are the workers: leave it out");
  return TRUE;
}

/* Appends the cells of this shard that have no run yet, one of each identity, and records those
 * that cannot be run. */
static gboolean
choose_cells(Sweep *s, GArray *cells, GError **error)
{
  g_autoptr(GHashTable) chosen = g_hash_table_new(g_str_hash, g_str_equal);

  for (guint i = 0; i < s->plan->table.cells->len; i++) {
    guint index = s->plan->order[i];
    StudyCell *cell = &g_array_index(s->plan->table.cells, StudyCell, index);
    const char *refusal = g_ptr_array_index(s->plan->refusals, index);
    if (!sweep_is_ours(s, i) || cell->state == CELL_DONE || cell->state == CELL_ENDED)
      continue;
    if (refusal != NULL && !study_store_failure(s->results, cell, refusal, error))
      return FALSE;
    if (refusal == NULL && g_hash_table_add(chosen, cell->identity))
      g_array_append_val(cells, index);
  }
  return TRUE;
}

/* Each trace is read once, before there are workers: they share it. One that cannot be read ends
 * the sweep before it begins. */
static gboolean
read_traces(Sweep *s, const GArray *cells, GError **error)
{
  g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < cells->len; i++) {
    g_autoptr(Settings) settings = study_plan_settings(s->plan, g_array_index(cells, guint, i));
    if (!g_hash_table_add(seen, g_strdup(settings->trace != NULL ? settings->trace : "")))
      continue;
    if (s->cluster.size == 1)
      shelf_read_trace(s->shelf, settings, SWEEP_VERB);
    if (shelf_workload(s->shelf, settings, error) == NULL) {
      g_prefix_error(error, "%s: ", s->study->path);
      return FALSE;
    }
  }
  return TRUE;
}

/* Opens the database and takes the states of the cells from it; a dry run needs none. */
static gboolean
open_results(Sweep *s, GError **error)
{
  const char *path = s->options.output;

  if (path == NULL || (s->options.dry_run && !g_file_test(path, G_FILE_TEST_EXISTS)))
    return TRUE;
  s->results = results_open(path, RESULTS_LOCK_WAIT_MS, error);
  if (s->results == NULL)
    return FALSE;
  return s->options.dry_run ? study_store_look(s->results, &s->plan->table, error)
                            : study_store_plan(s->results, &s->plan->table, error);
}

static Transport *
new_transport(Sweep *s, SweepWorker *worker, guint n_cells)
{
  const TransportWork work = {sweep_worker_run, worker};

  if (s->cluster.size > 1) {
    g_autofree char *digest = study_plan_digest(s->plan);
    return cluster_transport(&s->cluster, digest);
  }
  return transport_local_new(&work, s->n_jobs, n_cells);
}

static SweepWorker
new_worker(const Sweep *s)
{
  return (SweepWorker){.plan = s->plan,
                       .shelf = s->shelf,
                       .detail = s->detail,
                       .unlimited =
                           unlimited_table_new(s->plan != NULL ? s->plan->table.cells->len : 0)};
}

static int
run_cells(Sweep *s, const GArray *cells)
{
  SweepWorker worker = new_worker(s);
  g_autoptr(Transport) transport = new_transport(s, &worker, cells->len);
  const SweepRun run = {.plan = s->plan,
                        .results = s->results,
                        .transport = transport,
                        .cells = (const guint *)(gpointer)cells->data,
                        .n_cells = cells->len};
  g_autoptr(GError) error = NULL;
  guint n_done = 0;
  gboolean worked = sweep_run(&run, &n_done, &error);

  unlimited_table_free(worker.unlimited);
  if (worked)
    return CLI_DONE;
  if (error != NULL)
    return cli_error(CLI_FAILED, SWEEP_VERB, "%s", error->message);
  return cli_error(CLI_FAILED, SWEEP_VERB,
                   "stopped: %u of %u cells were run and are kept; start it again to go on", n_done,
                   cells->len);
}

/* Prints the results; the states of all cells, also of those that share a run, are read from the
 * database. */
static int
finish(Sweep *s, guint n_run)
{
  g_autoptr(GError) error = NULL;
  int status, failures;

  if (!study_store_look(s->results, &s->plan->table, &error))
    return cli_error(CLI_FAILED, SWEEP_VERB, "%s", error->message);
  status = sweep_print_results(s);
  cli_note(SWEEP_VERB, "%s: %u %s run now, %u of %u done%s", s->plan->table.name, n_run,
           n_run == 1 ? "cell" : "cells", sweep_count_done(s), s->plan->table.cells->len,
           s->n_shards > 1 ? " in this file; spillway merge joins the shards" : "");
  failures = sweep_say_failures(s);
  return MAX(status, failures);
}

static gboolean
prepare(Sweep *s, const char *path, GError **error)
{
  return (s->study = study_read(path, error)) != NULL &&
         (s->plan = study_plan_new(s->study, s->shelf, error)) != NULL;
}

/* --detail needs the steps of one engine, one after the other: refuses cells with several engines
 * or pipeline stages. */
static gboolean
check_detail(const Sweep *s, GError **error)
{
  for (guint i = 0; s->detail != RESULTS_DETAIL_FIGURES && i < s->plan->table.cells->len; i++) {
    g_autoptr(Settings) settings = study_plan_settings(s->plan, i);
    const gboolean servers = settings->instances > 1;
    const gboolean engines = servers || settings->data_parallel_size > 1;
    const guint n = (guint)(servers   ? settings->instances
                            : engines ? settings->data_parallel_size
                                      : settings->pipeline_parallel_size);
    if (!engines && (s->detail == RESULTS_DETAIL_SERIES || settings->pipeline_parallel_size == 1))
      continue;
    g_set_error(
        error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "%s: --detail %s keeps the steps of one engine, one after the other, and a cell has "
        "%s = %u: --detail %s, or another study for that",
        s->study->path, detail_names[s->detail],
        servers   ? "instances"
        : engines ? "data-parallel-size"
                  : "pipeline-parallel-size",
        n, engines ? "figures" : "series");
    return FALSE;
  }
  return TRUE;
}

/* Rank 0, or the only one. */
static int
manage(Sweep *s, const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GArray) cells = g_array_new(FALSE, FALSE, sizeof(guint));
  gboolean ready = check_options(s, &error) && prepare(s, path, &error) &&
                   check_detail(s, &error) && open_results(s, &error);
  int status;

  if (ready)
    shelf_tell_notes(s->shelf, SWEEP_VERB);
  if (ready && s->options.dry_run) {
    cluster_go(&s->cluster, FALSE);
    return sweep_print_cells(s);
  }
  ready = ready && choose_cells(s, cells, &error) && read_traces(s, cells, &error);
  if (!cluster_go(&s->cluster, ready && cells->len > 0) && !ready)
    return cli_error(CLI_USAGE, SWEEP_VERB, "%s", error->message);
  sweep_say_replicas(s);
  results_set_ahead(s->results, TRUE);
  status = cells->len > 0 ? run_cells(s, cells) : CLI_DONE;
  results_set_ahead(s->results, FALSE);
  return status == CLI_DONE ? finish(s, cells->len) : status;
}

/* The other ranks. Rank 0 reads the same files and prints the errors. */
static int
serve(Sweep *s, const char *path)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *digest = NULL;
  SweepWorker worker;

  if (!cluster_go(&s->cluster, TRUE))
    return CLI_DONE;
  if (check_options(s, &error) && prepare(s, path, &error))
    digest = study_plan_digest(s->plan);
  worker = new_worker(s);
  cluster_work(&s->cluster, &worker, digest, error != NULL ? error->message : NULL);
  unlimited_table_free(worker.unlimited);
  return CLI_DONE;
}

static void
sweep_clear(Sweep *s)
{
  results_free(s->results);
  study_plan_free(s->plan);
  shelf_free(s->shelf);
  study_free(s->study);
  g_free(s->options.output);
  g_free(s->options.jobs);
  g_free(s->options.shard);
  g_free(s->options.detail);
  g_free(s->options.format);
}

static int
sweep(Sweep *s, const char *path)
{
  g_autoptr(GError) error = NULL;
  int status;

  if (!cluster_start(&s->cluster, &error))
    return cli_error(CLI_FAILED, SWEEP_VERB, "%s", error->message);
  s->shelf = shelf_new();
  status = s->cluster.rank == 0 ? manage(s, path) : serve(s, path);
  cluster_end(&s->cluster);
  return status;
}

int
command_sweep(int argc, char **argv)
{
  Sweep s = {0};
  const GOptionEntry entries[] = {
      {"output", 'o', 0, G_OPTION_ARG_FILENAME, &s.options.output,
       "the results database, made or continued", "FILE.db"},
      {"jobs", 'j', 0, G_OPTION_ARG_STRING, &s.options.jobs,
       "how many cells to run at once (default: the number of cores)", "N"},
      {"shard", 0, 0, G_OPTION_ARG_STRING, &s.options.shard,
       "run only the I-th of N shares, as a job of an array does", "I/N"},
      {"detail", 0, 0, G_OPTION_ARG_STRING, &s.options.detail,
       "what to keep of each run: figures (default), series (and the run over time), all (and "
       "every request and preemption)",
       "WHAT"},
      {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &s.options.dry_run,
       "list the cells, and which would be run; change nothing", NULL},
      FORMAT_OPTION(s.options.format),
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  int status = CLI_DONE;
  const VerbOptions usage = {.name = SWEEP_VERB,
                             .arguments = "STUDY.ini",
                             .summary = SUMMARY,
                             .examples = EXAMPLES,
                             .own = entries};

  if (verb_parse(&usage, &argc, &argv, &status)) {
    if (argc == 2)
      status = sweep(&s, argv[1]);
    else if (argc < 2)
      status = cli_error(CLI_USAGE, SWEEP_VERB,
                         "a study file is missing: spillway sweep STUDY.ini -o FILE.db");
    else
      status = cli_error(CLI_USAGE, SWEEP_VERB, "unexpected argument '%s'", argv[2]);
  }
  sweep_clear(&s);
  return status;
}
