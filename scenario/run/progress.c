#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "sim/units.h"

#define FIRST_US G_USEC_PER_SEC
#define EVERY_US (G_USEC_PER_SEC / 5)
#define CLOCK_EVERY 1024 /* steps between looks at the clock */
#define WIDTH 30

struct Progress {
  Observer observer; /* first */
  const char *name;
  guint32 total;
  guint32 ended; /* requests */
  guint steps;
  gint64 start_us, next_us;
  gboolean shown;
};

static void
draw(Progress *p, gint64 now_us, gint64 now_ps)
{
  double share = p->total > 0 ? (double)p->ended / p->total : 1;
  double elapsed_s = (double)(now_us - p->start_us) / G_USEC_PER_SEC;
  int filled = (int)(share * WIDTH);

  fprintf(stderr, "\r%s [", p->name);
  for (int i = 0; i < WIDTH; i++)
    fputc(i < filled ? '#' : '.', stderr);
  fprintf(stderr, "] %3.0f %%  %u of %u requests, %.0f s simulated", share * 100, p->ended,
          p->total, ps_to_s(now_ps));
  if (share > 0)
    fprintf(stderr, ", %.0f s left", elapsed_s / share * (1 - share));
  fputs("\033[K", stderr);
  p->shown = TRUE;
}

static void
on_step(Observer *observer, const StepReport *report)
{
  Progress *p = (Progress *)observer;
  gint64 now_us;

  if (++p->steps % CLOCK_EVERY != 0)
    return;
  now_us = g_get_monotonic_time();
  if (now_us < p->next_us)
    return;
  p->next_us = now_us + EVERY_US;
  draw(p, now_us, report->start_ps);
}

static void
on_request(Observer *observer, const RequestResult *result G_GNUC_UNUSED)
{
  ((Progress *)observer)->ended++;
}

static void
on_end(Observer *observer, const RunOutcome *outcome G_GNUC_UNUSED)
{
  Progress *p = (Progress *)observer;

  if (p->shown)
    fputs("\r\033[K", stderr);
}

Progress *
progress_new(const Workload *workload, const char *name)
{
  Progress *p = g_new0(Progress, 1);

  p->name = name;
  p->total = workload_count(workload);
  p->start_us = g_get_monotonic_time();
  p->next_us = p->start_us + FIRST_US;
  if (isatty(STDERR_FILENO))
    p->observer = (Observer){.step = on_step, .request = on_request, .end = on_end};
  return p;
}

Observer *
progress_observer(Progress *progress)
{
  return &progress->observer;
}

void
progress_free(Progress *progress)
{
  g_free(progress);
}
