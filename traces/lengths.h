/* Distributions of prompt and output lengths, written as people type them:
 *
 *   fixed:1500                          always that
 *   uniform:100,2000                    whole numbers from 100 to 2000, ends included
 *   lognormal:mean=1155,median=1020     the clipped distribution has that mean and median
 *     [,max=4096]                       longer ones become max
 *   empirical:FILE                      drawn from a trace's requests, each side apart
 */
#pragma once

#include "traces/random.h"

#define LENGTHS_FILE "empirical:"

typedef enum { LENGTHS_FIXED, LENGTHS_UNIFORM, LENGTHS_LOGNORMAL, LENGTHS_EMPIRICAL } LengthsKind;

typedef struct {
  LengthsKind kind;
  char *text;               /* as it was written */
  guint32 low, high;        /* fixed: low; uniform: both; lognormal: high is max */
  double log_median, sigma; /* lognormal */
  GArray *values;           /* empirical: of guint32 */
} Lengths;

typedef enum { LENGTHS_OF_PROMPTS, LENGTHS_OF_OUTPUTS, LENGTHS_OF_MAX_TOKENS } LengthsSide;

/* Parses the text; for empirical reads the trace and keeps the lengths of that side. The error says
 * what was found and what is expected. *lengths is to be cleared in either case. */
gboolean lengths_parse(Lengths *lengths, const char *text, LengthsSide side, GError **error);
void lengths_clear(Lengths *lengths);

/* A length, at least 1, with the next numbers of the stream. */
guint32 lengths_draw(const Lengths *lengths, RandomStream *stream);
