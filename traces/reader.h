/* What formats share while a trace is read: the position for messages, the zero of absolute times,
 * the rules for token counts and ids. Used by the formats and by trace.c.
 */
#pragma once

#include "traces/trace.h"

enum { TRACE_COLUMNS_MAX = 256, TRACE_ID_MAX_BYTES = 256 };

struct TraceReader {
  const char *name; /* of the file */
  const TraceFormat *format;
  Workload *workload;
  const char *line; /* start of the current line, for columns in messages */
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
  guint room;           /* requests that reader_reserve() made room for */
  GArray *id_lines;     /* of guint64: the line of each request; where requests have ids */

  guint8 roles[TRACE_COLUMNS_MAX]; /* CSV: what each column is */
  guint column_count;
  char **own_columns; /* the form "columns": names by role; else NULL */
  GString *id;        /* of the current request */
  gint32 priority;    /* of the current request of a CSV; 0 once it was added */
  GArray *hashes;     /* of guint64: the current request's */

  GHashTable *sessions; /* by name: the session's last request + 1; NULL: no session yet */
  guint64 turns;        /* requests that wait for an answer */
};

void reader_init(TraceReader *reader, const char *name, const TraceFormat *format);
void reader_clear(TraceReader *reader);

/* Makes room for so many requests, in large pages where the system has them. Only a hint. */
void reader_reserve(TraceReader *reader, guint64 requests);

/* Sets the error "FILE:LINE:COLUMN: found 'TEXT' in FIELD, expected …" and returns FALSE. The text
 * from `at` to `end` is quoted as by reader_quote(); `field` may be NULL. */
gboolean reader_fail(const TraceReader *reader, const char *at, const char *end, const char *field,
                     GError **error, const char *expected, ...) G_GNUC_PRINTF(6, 7);

/* A file's text for messages: in quotes, with non-printing bytes escaped, cut at 60 characters. The
 * caller frees it. */
char *reader_quote(const char *text, const char *end);

/* reader_fail() for a token count that is not whole or out of bounds. */
gboolean reader_fail_tokens(const TraceReader *reader, const char *at, const char *end,
                            const char *field, GError **error);
/* The least token count of this format: 0 where requests without tokens are skipped. */
guint32 reader_tokens_min(const TraceReader *reader);

/* Sets the request's arrival_ps from seconds and picoseconds of the second, neither negative. */
gboolean reader_set_arrival(TraceReader *reader, Request *request, gint64 seconds, gint64 ps,
                            const char *at, const char *end, const char *field, GError **error);

/* Adds the request with reader->hashes, or skips and counts it. id: NULL for its index. */
gboolean reader_add(TraceReader *reader, const Request *request, const char *id, GError **error);

/* Adds a request that arrives delay_ps after the answer to the session's last one; delay_ps < 0: at
 * its own time. It is the session's last one from now on. */
gboolean reader_add_turn(TraceReader *reader, const char *session, gint64 delay_ps,
                         const Request *request, const char *id, GError **error);

/* TRUE if a request of the session was added. */
gboolean reader_knows_session(const TraceReader *reader, const char *session);

/* After the last line: checks ids, moves absolute times to 0, sorts. */
gboolean reader_finish(TraceReader *reader, GError **error);

/* Adds notes on what was skipped, sorted or is unusual. */
void reader_fill_notes(const TraceReader *reader, TraceNotes *notes);
