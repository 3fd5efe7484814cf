/* Events of Chrome's trace format, which the Perfetto UI opens: one JSON object a line, cut to a
 * window of time. perfetto.c decides what they tell. */
#pragma once

#include "sim/workload.h"
#include "sink.h"

/* Two processes: the engine, with a track a lane, and the requests, with a track a request. */
enum { TRACK_ENGINE = 1, TRACK_REQUESTS = 2 };
enum { LANE_DEVICE = 11, LANE_COPY_OUT, LANE_COPY_IN };

typedef struct {
  Sink *sink;
  gint64 from_ps, to_ps; /* the window */
  gboolean any;          /* an event was written */
} PerfettoEvents;

void perfetto_begin(PerfettoEvents *events);
void perfetto_finish(PerfettoEvents *events);

/* What kind: "process_name", "thread_name". name: JSON text, with its quotes. */
void perfetto_name(PerfettoEvents *events, const char *kind, guint pid, guint64 tid,
                   const char *name);
/* Orders the tracks of a process. */
void perfetto_order(PerfettoEvents *events, guint pid, guint64 tid, guint64 place);

/* TRUE if any of it lies in the window. */
gboolean perfetto_overlaps(const PerfettoEvents *events, gint64 start_ps, gint64 end_ps);

/* A slice, cut to the window; nothing where it lies outside or takes no time. args: members of an
 * object, without its braces. */
void perfetto_slice(PerfettoEvents *events, guint pid, guint64 tid, const char *name,
                    gint64 start_ps, gint64 end_ps, const char *args);
/* A moment. */
void perfetto_instant(PerfettoEvents *events, guint pid, guint64 tid, const char *name,
                      gint64 time_ps, const char *args);
/* args: the counter's values. Of what lies before the window only perfetto.c knows the last. */
void perfetto_counter(PerfettoEvents *events, const char *name, gint64 time_ps, const char *args);
