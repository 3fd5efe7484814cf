#include "job_run.h"

#include <signal.h>

#include "progress.h"

#define WAIT_MS 200
#define NOTHING G_MAXUINT

typedef struct {
  const JobRun *run;
  guint *job_of;       /* a worker's job, or NOTHING */
  gboolean *is_usable; /* a worker that cannot be started is left alone */
  guint next, n_running;
  SweepProgress progress;
  GError *unusable; /* why the last such worker is */
} Manager;

/* Set by Ctrl-C and SIGTERM. The one piece of state that a signal handler can reach. */
static volatile sig_atomic_t stop_seen;

static void
on_stop(int signal_number G_GNUC_UNUSED)
{
  stop_seen = 1;
}

char *
answer_message(const GByteArray *answer)
{
  if (answer->len > 0 && answer->data[0] == ANSWER_RUN)
    return NULL;
  return g_strndup((const char *)answer->data + 1, MAX(answer->len, 1) - 1);
}

static guint
next_job(const Manager *m)
{
  return m->run->jobs != NULL ? m->run->jobs[m->next] : m->next;
}

static gboolean
has_usable(const Manager *m)
{
  for (guint i = 0; i < m->run->transport->n_workers; i++)
    if (m->is_usable[i])
      return TRUE;
  return FALSE;
}

/* Gives every idle worker a job. FALSE where jobs are left and nobody to run them. */
static gboolean
start_idle(Manager *m)
{
  Transport *transport = m->run->transport;

  for (guint i = 0; i < transport->n_workers && m->next < m->run->n_jobs; i++) {
    if (m->job_of[i] != NOTHING || !m->is_usable[i])
      continue;
    g_clear_error(&m->unusable);
    if (transport->class->start(transport, i, next_job(m), &m->unusable)) {
      m->job_of[i] = next_job(m);
      m->next++;
      m->n_running++;
    } else {
      m->is_usable[i] = FALSE;
    }
  }
  return m->n_running > 0 || m->next == m->run->n_jobs || has_usable(m);
}

static gboolean
take(Manager *m, const TransportEvent *event, GError **error)
{
  guint job = m->job_of[event->worker];
  gboolean failed = FALSE;

  m->job_of[event->worker] = NOTHING;
  m->n_running--;
  if (!m->run->take(m->run->data, job, event->answer, &failed, error))
    return FALSE;
  m->progress.done++;
  m->progress.failed += failed != FALSE;
  return TRUE;
}

static gboolean
run_all(Manager *m, GError **error)
{
  Transport *transport = m->run->transport;
  TransportEvent event;

  while (m->progress.done < m->run->n_jobs && !stop_seen) {
    if (!start_idle(m)) {
      g_propagate_error(error, g_steal_pointer(&m->unusable));
      return FALSE;
    }
    if (transport->class->wait(transport, WAIT_MS, &event) && !stop_seen && !take(m, &event, error))
      return FALSE;
    sweep_progress_show(&m->progress, m->n_running);
  }
  return !stop_seen;
}

gboolean
job_run(const JobRun *run, guint *n_done, GError **error)
{
  Manager m = {.run = run,
               .job_of = g_new(guint, run->transport->n_workers),
               .is_usable = g_new(gboolean, run->transport->n_workers)};
  void (*on_int)(int) = signal(SIGINT, on_stop);
  void (*on_term)(int) = signal(SIGTERM, on_stop);
  void (*on_pipe)(int) = signal(SIGPIPE, SIG_IGN); /* a worker that died is told by its pipe */
  gboolean worked;

  for (guint i = 0; i < run->transport->n_workers; i++) {
    m.job_of[i] = NOTHING;
    m.is_usable[i] = TRUE;
  }
  sweep_progress_start(&m.progress, run->name, run->n_jobs);
  worked = run_all(&m, error);
  sweep_progress_end(&m.progress);
  *n_done = m.progress.done;
  signal(SIGINT, on_int);
  signal(SIGTERM, on_term);
  signal(SIGPIPE, on_pipe);
  g_clear_error(&m.unusable);
  g_free(m.job_of);
  g_free(m.is_usable);
  return worked;
}
