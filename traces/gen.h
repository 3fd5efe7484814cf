/* Generated traces: how requests arrive, how long they are, which prefixes their prompts share.
 *
 * The same settings give the same trace on every machine. Each purpose draws from its own stream,
 * so that a change of one setting leaves the others' draws alone.
 */
#pragma once

#include "sim/workload.h"
#include "traces/lengths.h"

typedef enum {
  ARRIVALS_POISSON, /* exponential gaps */
  ARRIVALS_GAMMA,   /* gamma gaps with the shape `burstiness` */
  ARRIVALS_UNIFORM, /* equal gaps */
  ARRIVALS_BURST,   /* all at 0 */
  ARRIVALS_KINDS,
} ArrivalsKind;

extern const char *const arrivals_names[ARRIVALS_KINDS + 1]; /* NULL-terminated */

/* With requests and duration both given, the gaps are scaled so that they sum to the duration; the
 * first request arrives at 0. With turns, a conversation's turns follow one another: a turn's
 * prompt is all that was said before plus a drawn new part, and may come after the duration's end.
 */
typedef struct {
  guint32 requests;  /* 0: as many as come within the duration */
  double duration_s; /* 0: as long as the requests take */
  ArrivalsKind arrivals;
  double rate;       /* requests a second; 0: requests / duration */
  double burstiness; /* the gamma gaps' shape, as in vLLM: 1 is Poisson, less is burstier */
  Lengths prompt, output;
  Lengths max_tokens;           /* not set: as the output; at least the output in any case */
  double max_tokens_times;      /* times the output, instead of max_tokens; 0: not given */
  guint32 turns;                /* requests a conversation has; 1: no conversations */
  double think_s;               /* mean of the exponential time from a turn to the next */
  guint32 shared_prefix_tokens; /* put before every prompt */
  guint32 prefix_groups;        /* how many shared prefixes; each conversation has one at random */
  guint32 hash_block_tokens;    /* prompt tokens that a prefix hash stands for */
  guint64 seed;
} TraceGen;

/* Sets the defaults; prompt and output are left unset. */
void trace_gen_init(TraceGen *gen);
void trace_gen_clear(TraceGen *gen);

/* FALSE with an error if the settings do not go together. */
gboolean trace_gen_check(const TraceGen *gen, GError **error);

/* TRUE if the trace has prefix hashes. */
gboolean trace_gen_has_hashes(const TraceGen *gen);

/* The trace, sealed; the caller frees it. The settings must have passed trace_gen_check(). NULL if
 * times or lengths get too large, or memory does not suffice. */
Workload *trace_gen_run(const TraceGen *gen, GError **error);

/* The command that makes this trace, without -o. The caller frees it. */
char *trace_gen_command(const TraceGen *gen);
