#include "turns.h"

#include "sim/heap.h"
#include "sim/units.h"

/* Requests are named by their indices in the workload's first order here. */
struct Turns {
  Workload *workload;
  guint32 *at;         /* by place: the request */
  guint32 *place;      /* by request */
  guint32 *first_turn; /* by request: the first turn that waits for it; NO_TURN: none does */
  guint32 *next_turn;  /* by turn: the next one that waits for the same request */
  gint64 *ready_ps;    /* by request: from when it can arrive */
  guint32 *heap;       /* requests that can arrive and have not, the earliest first */
  guint32 n_heap;
  gint64 last_ps; /* of the last arrival: they do not go backward, though ends may be told late */
};

/* Of two that are ready at the same time the trace's first goes first. */
static gboolean
is_before(const Turns *turns, guint32 a, guint32 b)
{
  if (turns->ready_ps[a] != turns->ready_ps[b])
    return turns->ready_ps[a] < turns->ready_ps[b];
  return a < b;
}

static void
place_request(Turns *turns, guint32 at, guint32 request)
{
  turns->heap[at] = request;
}

HEAP_DEFINE(ready, Turns, guint32, is_before, place_request);

static void
push(Turns *turns, guint32 request)
{
  ready_up(turns, turns->heap, turns->n_heap++, request);
}

static guint32
pop(Turns *turns)
{
  guint32 first = turns->heap[0], last = turns->heap[--turns->n_heap];

  ready_down(turns, turns->heap, turns->n_heap, 0, last);
  return first;
}

Turns *
turns_new(Workload *workload)
{
  guint32 n = workload_count(workload);
  Turns *turns = g_new0(Turns, 1);

  g_assert(workload->ids != NULL || workload->names != NULL);
  turns->workload = workload;
  turns->at = g_new(guint32, n);
  turns->place = g_new(guint32, n);
  turns->first_turn = g_new(guint32, n);
  turns->next_turn = g_new(guint32, n);
  turns->ready_ps = g_new(gint64, n);
  turns->heap = g_new(guint32, n);
  for (guint32 i = 0; i < n; i++) {
    turns->at[i] = turns->place[i] = i;
    turns->first_turn[i] = NO_TURN;
  }
  for (guint32 i = n; i-- > 0;) {
    guint32 after = workload_turn(workload, i)->after;
    if (after == NO_TURN)
      continue;
    turns->next_turn[i] = turns->first_turn[after];
    turns->first_turn[after] = i;
  }
  for (guint32 i = 0; i < n; i++) {
    if (workload_turn(workload, i)->after != NO_TURN)
      continue;
    turns->ready_ps[i] = workload_request(workload, i)->arrival_ps;
    push(turns, i);
  }
  return turns;
}

void
turns_free(Turns *turns)
{
  if (turns == NULL)
    return;
  g_free(turns->at);
  g_free(turns->place);
  g_free(turns->first_turn);
  g_free(turns->next_turn);
  g_free(turns->ready_ps);
  g_free(turns->heap);
  g_free(turns);
}

gint64
turns_ready_ps(const Turns *turns)
{
  return turns->n_heap > 0 ? MAX(turns->ready_ps[turns->heap[0]], turns->last_ps) : G_MAXINT64;
}

void
turns_place_next(Turns *turns, guint32 place)
{
  guint32 request = turns->heap[0], other = turns->at[place], from = turns->place[request];

  workload_swap(turns->workload, place, from);
  turns->at[from] = other;
  turns->place[other] = from;
  turns->at[place] = request;
  turns->place[request] = place;
}

void
turns_take(Turns *turns, guint32 place, gint64 at_ps)
{
  guint32 request = pop(turns);

  g_assert(turns->at[place] == request);
  turns->last_ps = at_ps;
  workload_set_arrival(turns->workload, place, at_ps);
}

void
turns_leave(Turns *turns, guint32 place, gint64 at_ps)
{
  for (guint32 i = turns->first_turn[turns->at[place]]; i != NO_TURN; i = turns->next_turn[i]) {
    gint64 delay_ps = workload_turn(turns->workload, turns->place[i])->delay_ps;
    turns->ready_ps[i] = at_ps <= TIME_MAX_PS ? at_ps + delay_ps : G_MAXINT64 - 1;
    push(turns, i);
  }
}

void
turns_note_sessions(Workload *workload)
{
  guint32 n = workload_count(workload);
  guint32 *first;

  g_clear_pointer(&workload->sessions, g_array_unref);
  workload->sessions = g_array_sized_new(FALSE, FALSE, sizeof(guint32), n + 1);
  g_array_set_size(workload->sessions, n);
  first = (guint32 *)(gpointer)workload->sessions->data;
  for (guint32 i = 0; i < n; i++)
    first[i] = NO_TURN;
  for (guint32 i = 0; i < n; i++) {
    guint32 root = i;
    while (first[root] == NO_TURN && workload_turn(workload, root)->after != NO_TURN)
      root = workload_turn(workload, root)->after;
    first[i] = first[root] != NO_TURN ? first[root] : root;
  }
}
