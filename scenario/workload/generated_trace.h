/* The options of `spillway trace gen`, which a trace's name "gen:OPTIONS" takes, too. */
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

/* Overrides a generator's defaults by the options that were given. FALSE with an error if one is
 * wrong. */
gboolean gen_options_take(const GenOptions *options, TraceGen *gen, GError **error);

void gen_options_clear(GenOptions *options);

/* The trace of `options`, a text; the caller frees it. NULL with an error. seed: used if the
 * options have none; NULL: the default. */
Workload *generated_trace(const char *options, const guint64 *seed, GError **error);
