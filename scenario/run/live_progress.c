#include "live_progress.h"

#include <stdio.h>
#include <unistd.h>

#include "sim/units.h"

#define EVERY_US (G_USEC_PER_SEC / 4)

struct LiveProgress {
  Observer observer; /* first */
  guint32 requests, ended;
  guint32 num_gpu_blocks, num_cpu_blocks;
  guint64 tokens, shown_tokens;
  gint64 shown_us;
  gboolean shown;
};

static double
percent(guint32 used, guint32 all)
{
  return all > 0 ? 100.0 * used / all : 0;
}

static void
on_step(Observer *observer, const StepReport *report)
{
  LiveProgress *p = (LiveProgress *)observer;
  const Step *step = report->step;
  gint64 now_us = g_get_monotonic_time();
  double since_s = (double)(now_us - p->shown_us) / G_USEC_PER_SEC;

  p->tokens += (guint64)report->tokens * report->repeats;
  if (now_us - p->shown_us < EVERY_US)
    return;
  fprintf(stderr,
          "\r%u of %u requests, %.0f tokens/s, KV %.0f %%, host %.0f %%, running %u, waiting %u, "
          "swapped %u, %.1f s\033[K",
          p->ended, p->requests, (double)(p->tokens - p->shown_tokens) / since_s,
          percent(p->num_gpu_blocks - MIN(p->num_gpu_blocks, step_unheld_blocks(step)),
                  p->num_gpu_blocks),
          percent(p->num_cpu_blocks - MIN(p->num_cpu_blocks, step->host_free_blocks),
                  p->num_cpu_blocks),
          step->running, step->waiting, step->swapped,
          ps_to_s(report->start_ps + report->elapsed_ps));
  p->shown_tokens = p->tokens;
  p->shown_us = now_us;
  p->shown = TRUE;
}

static void
on_request(Observer *observer, const RequestResult *result G_GNUC_UNUSED)
{
  ((LiveProgress *)observer)->ended++;
}

static void
on_end(Observer *observer, const RunOutcome *outcome G_GNUC_UNUSED)
{
  if (((LiveProgress *)observer)->shown)
    fputs("\r\033[K", stderr);
}

LiveProgress *
live_progress_new(guint32 requests, guint32 num_gpu_blocks, guint32 num_cpu_blocks)
{
  LiveProgress *p = g_new0(LiveProgress, 1);

  p->requests = requests;
  p->num_gpu_blocks = num_gpu_blocks;
  p->num_cpu_blocks = num_cpu_blocks;
  p->shown_us = g_get_monotonic_time();
  if (isatty(STDERR_FILENO))
    p->observer = (Observer){.step = on_step, .request = on_request, .end = on_end};
  return p;
}

Observer *
live_progress_observer(LiveProgress *progress)
{
  return &progress->observer;
}

void
live_progress_free(LiveProgress *progress)
{
  g_free(progress);
}
