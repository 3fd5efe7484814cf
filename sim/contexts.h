/* The contexts of a step's decodes, summed up: all that a cost depends on.
 *
 * The sums are integers, so they are the same whether contexts are added one by one or the decode
 * clock carries them along. Layers may see a part of a context only (ContextWindow): for each such
 * window there is a sum of what is seen, and a count of the sequences that see more with the next
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
  guint32 n; /* that are used; 0: all layers see all of a context */
  ContextWindow of[CONTEXT_WINDOWS];
} ContextWindows;

typedef struct {
  const ContextWindow *windows; /* [n_windows] borrowed: through which some layers see */
  guint32 n_windows;
  guint32 count;          /* sequences that compute one token */
  guint32 least, largest; /* KV tokens that one reads, the new one included; 0 where count is 0 */
  guint64 sum;
  guint64 squares;                  /* sum of their squares */
  guint64 visible[CONTEXT_WINDOWS]; /* by window: sum of the tokens that are seen */
  guint32 growing[CONTEXT_WINDOWS]; /* by window: sequences that see one more in the next step */
} DecodeContexts;

/* No contexts yet, seen through those windows. */
static inline DecodeContexts
decode_contexts_through(const ContextWindows *windows)
{
  return (DecodeContexts){.n_windows = windows->n, .windows = windows->of};
}

/* Tokens of a context, at least 1, that are seen through the window. */
static inline guint32
context_visible(const ContextWindow *window, guint32 context)
{
  return window->in_chunks ? (context - 1) % window->tokens + 1 : MIN(context, window->tokens);
}

/* TRUE if the next token adds to what is seen: not once a window is full. In chunks always, since a
 * run of equal steps ends with the chunk. */
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

/* `count` sequences of the same context, without windows. */
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

/* Tokens that are seen through a window, summed over the contexts, and how many sequences see more
 * with the next token. Exact where the contexts were summed with that window, or are all equal;
 * otherwise each is taken to be as long as the mean. */
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
