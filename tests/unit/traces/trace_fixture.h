/* A folder of a test's own, and a trace's path in it. */
#pragma once

#include <glib.h>

typedef struct {
  char *folder, *path;
} TraceFixture;

/* data: the trace's name; NULL: "t". */
void trace_fixture_set_up(TraceFixture *fixture, gconstpointer data);
void trace_fixture_tear_down(TraceFixture *fixture, gconstpointer data);
