/* What the formats share while a trace is read: the position for messages, the clock of traces
 * whose times are absolute, the rules for token counts and ids. Used by the formats and by trace.c.
 */
#pragma once

#include "traces/trace.h"

enum { TRACE_TOKENS_MAX = 1000000000, TRACE_COLUMNS_MAX = 256, TRACE_ID_MAX_BYTES = 256 };

struct TraceReader {
  const char *name; /* of the file */
  const TraceFormat *format;
  Workload *workload;
  const char *line; /* the current one's start, for columns in messages */
  guint64 line_number;

  gboolean has_base; /* absolute times: seconds are counted from the first request's */
  gint64 base_s;
  gint64 earliest_ps, latest_ps, previous_ps;
  guint64 backward_line; /* where arrivals first went backward; 0: never */

  guint64 skipped_no_prompt, skipped_no_output, skipped_failed;
  guint64 short_hashes; /* requests whose prefix hashes end before their last whole block */
  char *remark;         /* a note on the whole file, or NULL */
  guint runs;           /* bench-result: how many were read */
  gint64 zero_ns;       /* aiperf: what times count from; -1: no request yet */
  guint room;           /* requests that there is memory for, as reader_reserve() made it */
  GArray *id_lines;     /* of guint64, one a request; filled where requests have ids */

  guint8 roles[TRACE_COLUMNS_MAX]; /* CSV: what each column is */
  guint column_count;
  char **own_columns; /* columns: their names by role; NULL elsewhere */
  GString *id;        /* CSV: the current request's */
  gint32 priority;    /* CSV: the same; 0 once it was added */
  GArray *hashes;     /* of guint64: the current request's */
};

void reader_init(TraceReader *reader, const char *name, const TraceFormat *format);
void reader_clear(TraceReader *reader);

/* Makes room for so many requests, in large pages where the system has them. Only a hint. */
void reader_reserve(TraceReader *reader, guint64 requests);

/* Sets "FILE:LINE:COLUMN: found 'TEXT' in FIELD, expected …" and returns FALSE. The text from `at`
 * to `end` is escaped and cut; `field` may be NULL. */
gboolean reader_fail(const TraceReader *reader, const char *at, const char *end, const char *field,
                     GError **error, const char *expected, ...) G_GNUC_PRINTF(6, 7);

/* Text from elsewhere for messages: non-printing bytes escaped, cut at 60 characters, in quotes. */
char *reader_quote(const char *text, const char *end);

/* A token count that is not whole or out of bounds: the message for it. */
gboolean reader_fail_tokens(const TraceReader *reader, const char *at, const char *end,
                            const char *field, GError **error);
/* The least token count that this format may have: 0 where such requests are skipped. */
guint32 reader_tokens_min(const TraceReader *reader);

/* Turns a time into the request's arrival_ps. seconds and ps (of the second) are not negative. */
gboolean reader_set_arrival(TraceReader *reader, Request *request, gint64 seconds, gint64 ps,
                            const char *at, const char *end, const char *field, GError **error);

/* Adds the request, with reader->hashes, or skips and counts it. id NULL: its index. */
gboolean reader_add(TraceReader *reader, const Request *request, const char *id, GError **error);

/* Checks ids, moves absolute times to 0, sorts. */
gboolean reader_finish(TraceReader *reader, GError **error);

/* What is good to know about what was read. */
void reader_fill_notes(const TraceReader *reader, TraceNotes *notes);
