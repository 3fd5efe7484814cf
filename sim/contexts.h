/* The contexts of the decodes of a step, summed up: all of them that a cost depends on.
 *
 * Sums of integers, so that they are the same however they were added up: one by one, or carried
 * along by the decode clock.
 */
#pragma once

#include <glib.h>

typedef struct {
  guint32 count;          /* sequences that compute one token */
  guint32 least, largest; /* KV tokens that one reads, its new one included; 0 where count is 0 */
  guint64 sum;
  guint64 squares; /* sum of their squares */
} DecodeContexts;

/* `count` sequences of the same context. */
static inline DecodeContexts
decode_contexts_equal(guint32 count, guint32 context)
{
  return (DecodeContexts){
      .count = count,
      .least = count > 0 ? context : 0,
      .largest = count > 0 ? context : 0,
      .sum = (guint64)count * context,
      .squares = (guint64)count * context * context,
  };
}

static inline void
decode_contexts_add(DecodeContexts *contexts, guint32 context)
{
  contexts->least = contexts->count == 0 ? context : MIN(contexts->least, context);
  contexts->largest = MAX(contexts->largest, context);
  contexts->count++;
  contexts->sum += context;
  contexts->squares += (guint64)context * context;
}

static inline void
decode_contexts_join(DecodeContexts *contexts, const DecodeContexts *more)
{
  if (more->count == 0)
    return;
  contexts->least = contexts->count == 0 ? more->least : MIN(contexts->least, more->least);
  contexts->largest = MAX(contexts->largest, more->largest);
  contexts->count += more->count;
  contexts->sum += more->sum;
  contexts->squares += more->squares;
}
