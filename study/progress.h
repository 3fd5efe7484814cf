/* How far a sweep is, on standard error: a line that is drawn anew where that is a terminal, a line
 * a minute where it is a log. */
#pragma once

#include <glib.h>

typedef struct {
  const char *name;
  guint total, done; /* cells of this start */
  guint failed;      /* of those done */
  gint64 start_us, next_us;
  gboolean to_terminal, shown;
} SweepProgress;

void sweep_progress_start(SweepProgress *progress, const char *name, guint total);
/* Call often. n_running: workers that have a cell. */
void sweep_progress_show(SweepProgress *progress, guint n_running);
/* Removes the line. */
void sweep_progress_end(SweepProgress *progress);
