/* The options of a generated trace: `spillway trace gen`, and "gen:OPTIONS" in a trace's place. */
#pragma once

#include "traces/gen.h"

/* As they were given; NULL where not. */
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

/* A trace from `options` as `spillway trace gen` takes them; `seed` (or NULL) replaces the default
 * one where the options have none. */
Workload *generated_trace(const char *options, const guint64 *seed, GError **error);
