#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "scenario/message.h"
#include "report/text/format.h"

#define TERMINAL_EVERY_US (G_USEC_PER_SEC / 5)
#define LOG_EVERY_US (60 * (gint64)G_USEC_PER_SEC)
#define WIDTH 30

void
sweep_progress_start(SweepProgress *p, const char *name, guint total)
{
  *p = (SweepProgress){.name = name, .total = total, .to_terminal = isatty(STDERR_FILENO)};
  p->start_us = g_get_monotonic_time();
  p->next_us = p->start_us + (p->to_terminal ? TERMINAL_EVERY_US : LOG_EVERY_US);
}

/* ", 23 s left", by what the cells so far took; nothing before the first. */
static char *
time_left(const SweepProgress *p, gint64 now_us)
{
  double elapsed_s = (double)(now_us - p->start_us) / G_USEC_PER_SEC, left_s;

  if (p->done == 0)
    return g_strdup("");
  left_s = elapsed_s / p->done * (p->total - p->done);
  if (left_s < 90)
    return g_strdup_printf(", %.0f s left", left_s);
  if (left_s < 5400)
    return g_strdup_printf(", %.0f min left", left_s / 60);
  return g_strdup_printf(", %.1f h left", left_s / 3600);
}

void
sweep_progress_show(SweepProgress *p, guint n_running)
{
  gint64 now_us = g_get_monotonic_time();
  g_autofree char *left = NULL;
  g_autofree char *failed = NULL;
  int filled;

  if (now_us < p->next_us || p->total == 0)
    return;
  left = time_left(p, now_us);
  failed = p->failed > 0 ? g_strdup_printf(", %u failed", p->failed) : g_strdup("");
  filled = (int)((guint64)p->done * WIDTH / p->total);
  p->next_us = now_us + (p->to_terminal ? TERMINAL_EVERY_US : LOG_EVERY_US);
  if (!p->to_terminal) {
    cli_note("sweep", "%s: %u of %u cells%s, %u running%s", p->name, p->done, p->total, failed,
             n_running, left);
    return;
  }
  fprintf(stderr, "\r%s [", p->name);
  for (int i = 0; i < WIDTH; i++)
    fputc(i < filled ? '#' : '.', stderr);
  fprintf(stderr, "] %3.0f %%  %u of %u cells%s, %u running%s\033[K", 100.0 * p->done / p->total,
          p->done, p->total, failed, n_running, left);
  p->shown = TRUE;
}

void
sweep_progress_end(SweepProgress *p)
{
  if (p->shown)
    fputs("\r\033[K", stderr);
}
