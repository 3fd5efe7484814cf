#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "calibrate.h"

#define TERMINAL_EVERY_US (G_USEC_PER_SEC / 5)
#define LOG_EVERY_US (10 * (gint64)G_USEC_PER_SEC)
#define WIDTH 30

void
calibrate_progress_start(CalibrateProgress *p)
{
  *p = (CalibrateProgress){.to_terminal = isatty(STDERR_FILENO)};
  p->next_us = g_get_monotonic_time() + (p->to_terminal ? 0 : LOG_EVERY_US);
}

/* "12 of 300 shapes, gemm, at most 4 min left"; behind the planned shapes, those that are added. */
static char *
state_text(const CalibrationProgress *now)
{
  g_autofree char *left = calibrate_time_text(now->left_us);

  if (now->done < now->planned)
    return g_strdup_printf("%u of %u shapes, %s, at most %s left", now->done, now->planned,
                           now->what, left);
  return g_strdup_printf("%u shapes; now where the fits are furthest off, %s, at most %s left",
                         now->done, now->what, left);
}

static double
share(const CalibrationProgress *now)
{
  double all_us = (double)now->elapsed_us + (double)now->left_us;

  return all_us > 0 ? (double)now->elapsed_us / all_us : 1;
}

void
calibrate_progress_show(CalibrateProgress *p, const CalibrationProgress *now)
{
  gint64 now_us = g_get_monotonic_time();
  g_autofree char *state = NULL;
  int filled;

  if (now_us < p->next_us)
    return;
  p->next_us = now_us + (p->to_terminal ? TERMINAL_EVERY_US : LOG_EVERY_US);
  state = state_text(now);
  if (!p->to_terminal) {
    cli_note("calibrate", "%s", state);
    return;
  }
  filled = (int)(share(now) * WIDTH);
  fputs("\rcalibrate [", stderr);
  for (int i = 0; i < WIDTH; i++)
    fputc(i < filled ? '#' : '.', stderr);
  fprintf(stderr, "] %3.0f %%  %s\033[K", 100 * share(now), state);
  p->shown = TRUE;
}

void
calibrate_progress_clear(CalibrateProgress *p)
{
  if (p->shown)
    fputs("\r\033[K", stderr);
  p->shown = FALSE;
}
