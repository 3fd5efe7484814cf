/* The options of a generated trace: of `spillway trace gen`, and of "gen:OPTIONS" as a trace's
 * name. */
#pragma once

#include "traces/gen.h"

/* The options' texts; NULL where not given. */
typedef struct {
  char *requests, *duration, *arrivals, *rate, *burstiness, *cv, *prompt, *output, *max_tokens;
  char *turns, *think_time, *shared_prefix, *prefix_groups, *hash_block_tokens, *seed;
  char *to, *out;
} GenOptions;

enum { GEN_ENTRIES = 17 };

/* What GOption needs to fill `options`; the last entry has no name. */
void gen_options_entries(GenOptions *options, GOptionEntry entries[GEN_ENTRIES + 1]);

/* Puts what was given into a generator's settings, which hold the defaults. */
gboolean gen_options_take(const GenOptions *options, TraceGen *gen, GError **error);

void gen_options_clear(GenOptions *options);

/* The trace of `options`, as `spillway trace gen` takes them; the caller frees it. seed: where the
 * options have none, instead of the default; may be NULL. */
Workload *generated_trace(const char *options, const guint64 *seed, GError **error);
