/* --perfetto-window: the stretch of a run that its trace shows. */
#pragma once

#include "scenario/settings.h"

typedef struct {
  gint64 from_ps, to_ps;
} PerfettoWindow;

/* All of the run where the option was not given. */
gboolean perfetto_window_parse(const Settings *settings, PerfettoWindow *window, GError **error);
