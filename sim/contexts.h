/* The contexts of the decodes of a step, summed up: all of them that a cost depends on.
 *
 * Sums of integers, so that they are the same however they were added up: one by one, or carried
 * along by the decode clock. A model may have layers that see a part of a context (ContextWindow);
 * of each such part the sum is kept, too, and how many sequences see more of theirs with the next
 * token.
 */
#pragma once

#include <glib.h>

/* What some layers see of a context of c tokens: the last `tokens` of it, min(c, tokens); or, in
 * chunks, those since the last multiple of `tokens`, (c - 1) mod tokens + 1. */
typedef struct {
  guint32 tokens;
  gboolean in_chunks;
} ContextWindow;

enum { CONTEXT_WINDOWS = 2 };

typedef struct {
  guint32 n; /* of them that are used; 0: all layers see it all */
  ContextWindow of[CONTEXT_WINDOWS];
} ContextWindows;

typedef struct {
  const ContextWindow *windows; /* [n_windows] borrowed: through which some layers see */
  guint32 n_windows;
  guint32 count;          /* sequences that compute one token */
  guint32 least, largest; /* KV tokens that one reads, its new one included; 0 where count is 0 */
  guint64 sum;
  guint64 squares;                  /* sum of their squares */
  guint64 visible[CONTEXT_WINDOWS]; /* sum of what is seen through each */
  guint32 growing[CONTEXT_WINDOWS]; /* sequences that see one token more in the next step */
} DecodeContexts;

/* Of nobody yet, through those windows. */
static inline DecodeContexts
decode_contexts_through(const ContextWindows *windows)
{
  return (DecodeContexts){.n_windows = windows->n, .windows = windows->of};
}

static inline guint32
context_visible(const ContextWindow *window, guint32 context)
{
  return window->in_chunks ? (context - 1) % window->tokens + 1 : MIN(context, window->tokens);
}

/* Whether one token more is seen with the next: not where a window is full. A chunk that ends here
 * ends the run of alike steps, too. */
static inline gboolean
context_is_growing(const ContextWindow *window, guint32 context)
{
  return window->in_chunks || context < window->tokens;
}

static inline void
decode_contexts_add(DecodeContexts *contexts, guint32 context)
{
  contexts->least = contexts->count == 0 ? context : MIN(contexts->least, context);
  contexts->largest = MAX(contexts->largest, context);
  contexts->count++;
  contexts->sum += context;
  contexts->squares += (guint64)context * context;
  for (guint32 i = 0; i < contexts->n_windows; i++) {
    contexts->visible[i] += context_visible(&contexts->windows[i], context);
    contexts->growing[i] += context_is_growing(&contexts->windows[i], context);
  }
}

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

/* What is seen through a window, and of how many it grows. Exact where the contexts were added up
 * with that window, or are all alike; else taken to be as if all were as the mean. */
static inline guint64
decode_contexts_visible(const DecodeContexts *contexts, const ContextWindow *window,
                        guint32 *growing)
{
  guint32 mean;

  for (guint32 i = 0; i < contexts->n_windows; i++)
    if (contexts->windows[i].tokens == window->tokens &&
        contexts->windows[i].in_chunks == window->in_chunks) {
      *growing = contexts->growing[i];
      return contexts->visible[i];
    }
  *growing = 0;
  if (contexts->count == 0)
    return 0;
  mean = (guint32)(contexts->sum / contexts->count);
  *growing = context_is_growing(window, mean) ? contexts->count : 0;
  return (guint64)contexts->count * context_visible(window, mean);
}
