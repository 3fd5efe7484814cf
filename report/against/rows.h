/* Between the reader of a measured file and its forms of rows. */
#pragma once

#include "against.h"
#include "traces/result_doubts.h"

#define MEASURED_SPAN_MAX_S 4e6 /* picoseconds of it fit */

typedef struct {
  double arrival_s, queued_s, first_s, last_s; /* NAN: there is none */
} MeasuredClocks;

typedef struct {
  Measured *measured;
  GHashTable *ids; /* id → line, to find doubles */
  GArray *clocks;  /* of MeasuredClocks, one a request */
  const char *at, *end;
  guint64 line;          /* of the row at hand */
  guint runs;            /* of results that are a whole run: how many were read */
  gint64 zero_ns;        /* what AIPerf's times count from; -1: no request yet */
  RequestDoubts records; /* AIPerf's */
} MeasuredReader;

/* Sets "FILE:LINE: …" and returns FALSE. */
gboolean measured_fail(const MeasuredReader *reader, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* From reader->at to the end. Each fills measured->requests, but for the times, and clocks. */
gboolean measured_read_json(MeasuredReader *reader, GError **error);
gboolean measured_read_csv(MeasuredReader *reader, GError **error);
