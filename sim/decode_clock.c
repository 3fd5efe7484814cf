#include "decode_clock.h"

void
decode_clock_init(DecodeClock *clock, guint32 block_size)
{
  *clock = (DecodeClock){
      .block_size = block_size,
      .due = g_new0(DueList, block_size),
      .last_end_ps = -1,
  };
}

void
decode_clock_clear(DecodeClock *clock)
{
  g_clear_pointer(&clock->due, g_free);
  g_clear_pointer(&clock->ends, g_free);
}

static gboolean
ends_before(const ClockEnd *a, const ClockEnd *b)
{
  return a->end_ticks < b->end_ticks || (a->end_ticks == b->end_ticks && a->number < b->number);
}

static void
place_end(DecodeClock *clock, guint32 index, ClockEnd end)
{
  clock->ends[index] = end;
  end.sequence->heap_index = index;
}

/* Puts `end` where it belongs above the free place `index`. */
static void
sift_up(DecodeClock *clock, guint32 index, ClockEnd end)
{
  while (index > 0 && ends_before(&end, &clock->ends[(index - 1) / 2])) {
    place_end(clock, index, clock->ends[(index - 1) / 2]);
    index = (index - 1) / 2;
  }
  place_end(clock, index, end);
}

/* Or below it, in a heap of `count`. */
static void
sift_down(DecodeClock *clock, guint32 index, ClockEnd end)
{
  for (;;) {
    guint32 child = 2 * index + 1;
    if (child >= clock->count)
      break;
    if (child + 1 < clock->count && ends_before(&clock->ends[child + 1], &clock->ends[child]))
      child++;
    if (!ends_before(&clock->ends[child], &end))
      break;
    place_end(clock, index, clock->ends[child]);
    index = child;
  }
  place_end(clock, index, end);
}

/* A member takes a block at the ticks at which its computed tokens fill its blocks. */
static DueList *
due_list(const DecodeClock *clock, const Sequence *member)
{
  guint64 first = member->joined_ticks % clock->block_size + clock->block_size -
                  member->computed_tokens % clock->block_size;

  return &clock->due[first % clock->block_size];
}

static guint64
offset_of(const Sequence *member)
{
  return member->computed_tokens - member->joined_ticks;
}

static void
add_offset(DecodeClock *clock, const Sequence *member)
{
  gint64 offset = (gint64)offset_of(member);

  clock->offsets_sum += (guint64)offset;
  clock->offsets_squares += (guint64)offset * (guint64)offset;
  if (clock->count == 1) {
    clock->offset_least = clock->offset_largest = offset;
    clock->offsets_known = TRUE;
  } else {
    clock->offset_least = MIN(clock->offset_least, offset);
    clock->offset_largest = MAX(clock->offset_largest, offset);
  }
}

static void
take_offset(DecodeClock *clock, const Sequence *member)
{
  gint64 offset = (gint64)offset_of(member);

  clock->offsets_sum -= (guint64)offset;
  clock->offsets_squares -= (guint64)offset * (guint64)offset;
  if (offset == clock->offset_least || offset == clock->offset_largest)
    clock->offsets_known = FALSE;
}

void
decode_clock_join(DecodeClock *clock, Sequence *sequence, guint32 tokens_left)
{
  DueList *list;

  g_assert(!sequence->in_clock && tokens_left > 0);
  if (clock->count == clock->ends_room) {
    clock->ends_room = MAX(64, 2 * clock->ends_room);
    clock->ends = g_renew(ClockEnd, clock->ends, clock->ends_room);
  }
  sequence->in_clock = TRUE;
  sequence->joined_ticks = clock->ticks;
  list = due_list(clock, sequence);
  sequence->due_previous = list->tail;
  sequence->due_next = NULL;
  *(list->tail != NULL ? &list->tail->due_next : &list->head) = sequence;
  list->tail = sequence;
  list->length++;
  sift_up(clock, clock->count++,
          (ClockEnd){
              .end_ticks = clock->ticks + tokens_left,
              .number = clock->next_number++,
              .sequence = sequence,
          });
  add_offset(clock, sequence);
}

static void
drop_end(DecodeClock *clock, guint32 index)
{
  ClockEnd last = clock->ends[--clock->count];

  if (index == clock->count)
    return;
  if (index > 0 && ends_before(&last, &clock->ends[(index - 1) / 2]))
    sift_up(clock, index, last);
  else
    sift_down(clock, index, last);
}

void
decode_clock_leave(DecodeClock *clock, Sequence *sequence)
{
  guint32 ticks = (guint32)(clock->ticks - sequence->joined_ticks);
  DueList *list = due_list(clock, sequence);

  sequence->blocks = decode_clock_blocks(clock, sequence);
  *(sequence->due_previous != NULL ? &sequence->due_previous->due_next : &list->head) =
      sequence->due_next;
  *(sequence->due_next != NULL ? &sequence->due_next->due_previous : &list->tail) =
      sequence->due_previous;
  list->length--;
  take_offset(clock, sequence);
  drop_end(clock, sequence->heap_index);
  sequence->in_clock = FALSE;
  sequence->computed_tokens += ticks;
  sequence->generated_tokens += ticks;
  sequence->highest_computed = MAX(sequence->highest_computed, sequence->computed_tokens);
  if (sequence->joined_ticks < clock->settled_ticks)
    sequence->result.last_token_ps = clock->last_end_ps;
}

void
decode_clock_tick(DecodeClock *clock, guint32 n)
{
  clock->ticks += n;
  clock->supplied = FALSE;
}

void
decode_clock_settle(DecodeClock *clock, gint64 end_ps)
{
  clock->settled_ticks = clock->ticks;
  clock->last_end_ps = end_ps;
}

Sequence *
decode_clock_take_ended(DecodeClock *clock)
{
  Sequence *sequence;

  if (clock->count == 0 || clock->ends[0].end_ticks > clock->ticks)
    return NULL;
  sequence = clock->ends[0].sequence;
  decode_clock_leave(clock, sequence);
  return sequence;
}

guint64
decode_clock_ticks_to_end(const DecodeClock *clock)
{
  return clock->ends[0].end_ticks - clock->ticks;
}

static void
find_offsets(DecodeClock *clock)
{
  clock->offset_least = G_MAXINT64;
  clock->offset_largest = G_MININT64;
  for (guint32 i = 0; i < clock->count; i++) {
    gint64 offset = (gint64)offset_of(clock->ends[i].sequence);
    clock->offset_least = MIN(clock->offset_least, offset);
    clock->offset_largest = MAX(clock->offset_largest, offset);
  }
  clock->offsets_known = TRUE;
}

/* A context is offset + ticks + 1, the new token included. */
DecodeContexts
decode_clock_contexts(DecodeClock *clock)
{
  guint64 now = clock->ticks + 1;

  if (clock->count == 0)
    return (DecodeContexts){0};
  if (!clock->offsets_known)
    find_offsets(clock);
  return (DecodeContexts){
      .count = clock->count,
      .least = (guint32)((guint64)clock->offset_least + now),
      .largest = (guint32)((guint64)clock->offset_largest + now),
      .sum = clock->offsets_sum + clock->count * now,
      .squares = clock->offsets_squares + 2 * now * clock->offsets_sum + clock->count * now * now,
  };
}
