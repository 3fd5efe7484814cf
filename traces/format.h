/* A trace format: its name, how its files are read, and how one is written.
 *
 * A format is one file with one static const entry, its line in the table below and one in
 * local.mk. It is CSV (csv set: its columns), JSON lines (jsonl set: its keys and members), or no
 * text at all (read and mark set).
 */
#pragma once

#include "sim/workload.h"
#include "traces/output.h"
#include "traces/source.h"

#include <glib.h>

/* The most tokens that a prompt or an output may have. */
enum { TRACE_TOKENS_MAX = 1000000000 };

typedef struct TraceFormat TraceFormat;
typedef struct TraceReader TraceReader;
typedef struct CsvSchema CsvSchema;
typedef struct JsonlSchema JsonlSchema;

typedef enum {
  TRACE_TIME_ABSOLUTE = 1 << 0,  /* times count from some epoch: the earliest becomes 0 */
  TRACE_SKIPS_EMPTY = 1 << 1,    /* requests without tokens have failed: skipped and counted */
  TRACE_HAS_COMMENTS = 1 << 2,   /* a written file begins with a comment with the format number, */
  TRACE_KEEPS_IDS = 1 << 3,      /* and has the requests' ids, */
  TRACE_KEEPS_HASHES = 1 << 4,   /* their prefix hashes, */
  TRACE_KEEPS_PRIORITY = 1 << 5, /* their priorities, */
  TRACE_KEEPS_MAX_TOKENS = 1 << 6, /* the output tokens that their clients allow, */
  TRACE_KEEPS_TURNS = 1 << 7,      /* and which wait for an answer; else such a trace is refused */
} TraceFlags;

struct TraceFormat {
  const char *name;
  const char *help;      /* one line, for people */
  const char *shape;     /* the header, or the keys of a line, for messages */
  const char *time_unit; /* of its arrivals, for people: "seconds", "ms" */
  const char *ending;    /* files with names that end so are written in it by default; NULL: none */
  guint flags;           /* TraceFlags */
  const CsvSchema *csv;
  const JsonlSchema *jsonl;

  /* The first bytes of a file that is no text. */
  const char *mark;
  gsize mark_bytes;
  /* Reads such a file and leaves the reader's workload sealed. */
  gboolean (*read)(const TraceFormat *self, TraceReader *reader, Source *source, GError **error);

  /* Appends the whole trace; a TRACE_HAS_COMMENTS form's comment is there already. A request that
   * the format cannot hold is an error. NULL: the format can only be read. */
  gboolean (*write)(const TraceFormat *self, TraceOutput *out, const Workload *workload,
                    GError **error);
};

/* The table: a file has the first format that knows its first line, and is written in the first one
 * unless something else is asked for. */
#define TRACE_FORMATS(ENTRY)                                                                       \
  ENTRY(trace_format_spillway)                                                                     \
  ENTRY(trace_format_azure)                                                                        \
  ENTRY(trace_format_burstgpt)                                                                     \
  ENTRY(trace_format_vidur)                                                                        \
  ENTRY(trace_format_splitwise)                                                                    \
  ENTRY(trace_format_bailian)                                                                      \
  ENTRY(trace_format_mooncake)                                                                     \
  ENTRY(trace_format_benchmark)                                                                    \
  ENTRY(trace_format_llmservingsim)                                                                \
  ENTRY(trace_format_aiperf)                                                                       \
  ENTRY(trace_format_run_result)                                                                   \
  ENTRY(trace_format_steps)                                                                        \
  ENTRY(trace_format_binary)                                                                       \
  ENTRY(trace_format_columns)

#define TRACE_FORMAT_DECLARE(name) extern const TraceFormat name;
TRACE_FORMATS(TRACE_FORMAT_DECLARE)
