#include "decode_clock.h"

#include <string.h>

void
decode_clock_init(DecodeClock *clock, guint32 block_size, const ContextWindows *windows)
{
  *clock = (DecodeClock){
      .block_size = block_size,
      .period = block_size,
      .due = g_new0(DueList, block_size),
      .due_places = block_size,
      .last_end_ps = -1,
      .absent_number = G_MAXUINT64,
      .missed_number = G_MAXUINT64,
      .windows = *windows,
  };
  for (guint32 i = 0; i < windows->n; i++)
    clock->seen[i].kinks.place = i + 1;
  clock->changes.place = CONTEXT_WINDOWS + 1;
}

void
decode_clock_use_groups(DecodeClock *clock, const KvGroups *groups, guint32 lag, gboolean counted)
{
  clock->groups = groups;
  clock->coming = g_ptr_array_new();
  clock->lag = lag;
  clock->counted = counted;
  if (!counted) {
    clock->due_places = kv_groups_longest_block(groups) + 1;
    clock->due = g_renew(DueList, clock->due, clock->due_places);
    memset(clock->due, 0, clock->due_places * sizeof *clock->due);
    if (kv_groups_have_states(groups))
      return;
  }
  clock->growth = group_growth_new(groups, lag, !counted);
  clock->period = clock->growth->period;
}

void
decode_clock_clear(DecodeClock *clock)
{
  g_clear_pointer(&clock->due, g_free);
  clock_heap_clear(&clock->ends);
  clock_heap_clear(&clock->changes);
  g_clear_pointer(&clock->growth, group_growth_free);
  g_clear_pointer(&clock->coming, g_ptr_array_unref);
  for (guint32 i = 0; i < clock->windows.n; i++)
    clock_heap_clear(&clock->seen[i].kinks);
}

/* Which list a member is due in: it takes a block when its computed tokens fill those it has. */
static guint32
due_place(const DecodeClock *clock, const Sequence *joining)
{
  guint32 into_block = joining->computed_tokens % clock->block_size;

  return clock->place - into_block + (clock->place < into_block ? clock->block_size : 0);
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

/* What a member will read at the coming tick. */
static guint32
coming_context(const DecodeClock *clock, const Sequence *member)
{
  return decode_clock_tokens(clock, member) + 1;
}

/* A member that sees more with each tick sees its base + the coming tick; through a full window it
 * sees the window's tokens, whatever the tick. In chunks the base falls at each chunk's end. */
static void
add_seen(DecodeClock *clock, guint32 index, Sequence *member)
{
  const ContextWindow *window = &clock->windows.of[index];
  SeenPart *seen = &clock->seen[index];
  guint32 context = coming_context(clock, member);
  guint32 left = window->in_chunks ? window->tokens - (context - 1) % window->tokens
                                   : window->tokens - MIN(context, window->tokens);

  if (left == 0) {
    seen->full += window->tokens;
    return;
  }
  seen->bases += context_visible(window, context) - (clock->ticks + 1);
  clock_heap_push(&seen->kinks, (ClockEvent){clock->ticks + left, member});
}

static void
take_seen(DecodeClock *clock, guint32 index, const Sequence *member)
{
  const ContextWindow *window = &clock->windows.of[index];
  SeenPart *seen = &clock->seen[index];
  guint32 context = coming_context(clock, member);

  if (!window->in_chunks && context >= window->tokens) {
    seen->full -= window->tokens;
    return;
  }
  seen->bases -= context_visible(window, context) - (clock->ticks + 1);
  clock_heap_remove(&seen->kinks, member);
}

/* Passes the kinks up to now: windows that filled, and chunks that ended. */
static void
pass_kinks(DecodeClock *clock, guint32 index)
{
  const ContextWindow *window = &clock->windows.of[index];
  SeenPart *seen = &clock->seen[index];

  while (seen->kinks.count > 0 && seen->kinks.events[0].ticks <= clock->ticks) {
    const ClockEvent event = seen->kinks.events[0];
    if (window->in_chunks) {
      seen->bases -= window->tokens;
      clock_heap_postpone(&seen->kinks, event.ticks + window->tokens);
    } else {
      /* At that tick it saw the window and no more: base + tick + 1. */
      seen->bases -= window->tokens - (event.ticks + 1);
      seen->full += window->tokens;
      clock_heap_remove(&seen->kinks, event.sequence);
    }
  }
}

static void
add_due(DecodeClock *clock, Sequence *member, guint32 place)
{
  DueList *list = &clock->due[place];

  member->due_place = place;
  member->due_previous = list->tail;
  member->due_next = NULL;
  *(list->tail != NULL ? &list->tail->due_next : &list->head) = member;
  list->tail = member;
  list->length++;
}

/* With names: puts the member into the list of that place, in running order. Nearly always it is
 * the last. */
static void
add_coming(DecodeClock *clock, Sequence *member, guint32 place)
{
  DueList *list = &clock->due[place];
  Sequence *before = list->tail, *behind = NULL;

  for (; before != NULL && before->joined_number > member->joined_number;
       before = before->due_previous)
    behind = before;
  member->due_place = place;
  member->due_previous = before;
  member->due_next = behind;
  *(before != NULL ? &before->due_next : &list->head) = member;
  *(behind != NULL ? &behind->due_previous : &list->tail) = member;
  list->length++;
}

static void
take_due(DecodeClock *clock, const Sequence *member)
{
  DueList *list = &clock->due[member->due_place];

  *(member->due_previous != NULL ? &member->due_previous->due_next : &list->head) =
      member->due_next;
  *(member->due_next != NULL ? &member->due_next->due_previous : &list->tail) =
      member->due_previous;
  list->length--;
}

/* With names: the place of the tick at which the member's blocks change next, after that which
 * takes it to `computed` + 1. */
static guint32
change_place(const DecodeClock *clock, const Sequence *member, guint32 computed)
{
  guint64 next = kv_groups_next_change(clock->groups, computed, clock->lag);

  return (guint32)((member->joined_ticks + next - member->computed_tokens) % clock->due_places);
}

/* The tick at which the member has so many computed tokens. */
static guint64
tick_of(const Sequence *member, guint64 computed)
{
  return member->joined_ticks + computed - member->computed_tokens;
}

/* What `growth` is told of a member that it counts from counted_from on. */
static GrowthMember
growth_member(const DecodeClock *clock, const Sequence *member)
{
  return (GrowthMember){
      .computed = member->counted_from,
      .place = (guint32)(tick_of(member, member->counted_from) % clock->period),
      .hashed_tokens = member->hashed_tokens,
  };
}

/* From `computed` tokens on it is counted. Returns the tick until which that is right. */
static guint64
count_from(DecodeClock *clock, Sequence *member, guint32 computed)
{
  GrowthMember counted;
  guint64 end;

  member->counted_from = computed;
  counted = growth_member(clock, member);
  end = group_growth_add(clock->growth, &counted);
  return end != G_MAXUINT64 ? tick_of(member, end) : G_MAXUINT64;
}

/* The same is returned. */
static guint64
take_count(DecodeClock *clock, const Sequence *member)
{
  const GrowthMember counted = growth_member(clock, member);
  guint64 end = group_growth_remove(clock->growth, &counted);

  return end != G_MAXUINT64 ? tick_of(member, end) : G_MAXUINT64;
}

/* Members whose changes are others from the coming tick on. */
static void
count_anew(DecodeClock *clock)
{
  while (clock->changes.count > 0 && clock->changes.events[0].ticks <= clock->ticks) {
    Sequence *member = clock->changes.events[0].sequence;
    guint64 end;
    take_count(clock, member);
    end = count_from(clock, member, decode_clock_tokens(clock, member));
    if (end != G_MAXUINT64)
      clock_heap_postpone(&clock->changes, end);
    else
      clock_heap_remove(&clock->changes, member);
  }
}

static void
add_change(DecodeClock *clock, Sequence *member)
{
  guint64 end;

  if (clock->growth != NULL) { /* it has what it needs for the coming tick */
    end = count_from(clock, member, member->computed_tokens + 1);
    if (end != G_MAXUINT64)
      clock_heap_push(&clock->changes, (ClockEvent){end, member});
  }
  if (!clock->counted)
    add_coming(clock, member, change_place(clock, member, member->computed_tokens));
}

static void
take_change(DecodeClock *clock, const Sequence *member)
{
  if (clock->growth != NULL && take_count(clock, member) != G_MAXUINT64)
    clock_heap_remove(&clock->changes, member);
  if (!clock->counted)
    take_due(clock, member);
}

const GPtrArray *
decode_clock_coming_changes(DecodeClock *clock)
{
  g_ptr_array_set_size(clock->coming, 0);
  for (Sequence *s = decode_clock_next_change(clock, 0); s != NULL; s = s->due_next)
    g_ptr_array_add(clock->coming, s);
  return clock->coming;
}

guint64
decode_clock_ticks_to_due(const DecodeClock *clock)
{
  for (guint32 later = 0; later < clock->due_places; later++)
    if (decode_clock_next_change(clock, later) != NULL)
      return later;
  return G_MAXUINT64;
}

void
decode_clock_pass_change(DecodeClock *clock, Sequence *member, guint32 later)
{
  take_due(clock, member);
  add_coming(clock, member,
             change_place(clock, member, decode_clock_tokens(clock, member) + later));
}

void
decode_clock_add_pass(DecodeClock *clock, Sequence *member, guint64 tokens)
{
  guint64 tick = tokens > member->computed_tokens ? tick_of(member, tokens) : clock->ticks;

  clock_heap_push(&clock->changes, (ClockEvent){tick, member});
}

void
decode_clock_move_pass(DecodeClock *clock, guint64 tokens)
{
  clock_heap_postpone(&clock->changes, tick_of(clock->changes.events[0].sequence, tokens));
}

void
decode_clock_join(DecodeClock *clock, Sequence *sequence, guint32 tokens_left)
{
  g_assert(!sequence->in_clock && tokens_left > 0);
  sequence->in_clock = TRUE;
  sequence->joined_ticks = clock->ticks;
  sequence->joined_number = clock->next_number++;
  if (clock->groups == NULL)
    add_due(clock, sequence, due_place(clock, sequence));
  else
    add_change(clock, sequence);
  clock->count++;
  clock_heap_push(&clock->ends, (ClockEvent){clock->ticks + tokens_left, sequence});
  for (guint32 i = 0; i < clock->windows.n; i++)
    add_seen(clock, i, sequence);
  add_offset(clock, sequence);
}

void
decode_clock_leave(DecodeClock *clock, Sequence *sequence)
{
  guint32 ticks = (guint32)(clock->ticks - sequence->joined_ticks);

  sequence->blocks = decode_clock_blocks(clock, sequence);
  if (clock->groups == NULL)
    take_due(clock, sequence);
  else
    take_change(clock, sequence);
  if (clock->passes)
    clock_heap_remove(&clock->changes, sequence);
  take_offset(clock, sequence);
  clock->count--;
  if (clock->apart) {
    clock->absent -= decode_clock_is_absent(clock, sequence);
    clock->missed -= decode_clock_missed(clock, sequence);
  }
  clock_heap_remove(&clock->ends, sequence);
  for (guint32 i = 0; i < clock->windows.n; i++)
    take_seen(clock, i, sequence);
  sequence->in_clock = FALSE;
  sequence->computed_tokens += ticks;
  sequence->generated_tokens += ticks;
  sequence->highest_computed = MAX(sequence->highest_computed, sequence->computed_tokens);
  if (sequence->joined_ticks < clock->settled_ticks)
    sequence->result.last_token_ps = clock->last_end_ps;
}

/* It is as if the member had joined a tick later. Those behind it that are in the list which it
 * goes to are still to go on to the next: then it is the last there. */
void
decode_clock_miss(DecodeClock *clock, Sequence *member)
{
  guint32 place = member->due_place + 1;

  g_assert(clock->groups == NULL && !clock->passes);
  for (guint32 i = 0; i < clock->windows.n; i++)
    take_seen(clock, i, member);
  clock->offsets_sum--;
  clock->offsets_squares -= 2 * offset_of(member) - 1;
  clock->offsets_known = FALSE;
  take_due(clock, member);
  member->joined_ticks++;
  add_due(clock, member, place < clock->block_size ? place : 0);
  clock_heap_delay(&clock->ends, member);
  for (guint32 i = 0; i < clock->windows.n; i++)
    add_seen(clock, i, member);
}

void
decode_clock_pass(DecodeClock *clock)
{
  for (guint32 i = 0; i < clock->windows.n; i++)
    pass_kinks(clock, i);
  if (clock->growth != NULL)
    count_anew(clock);
}

static void
find_offsets(DecodeClock *clock)
{
  clock->offset_least = G_MAXINT64;
  clock->offset_largest = G_MININT64;
  for (guint32 i = 0; i < clock->count; i++) {
    gint64 offset = (gint64)offset_of(clock->ends.events[i].sequence);
    clock->offset_least = MIN(clock->offset_least, offset);
    clock->offset_largest = MAX(clock->offset_largest, offset);
  }
  clock->offsets_known = TRUE;
}

/* A context is offset + ticks + 1, the new token included. */
void
decode_clock_add_contexts(DecodeClock *clock, DecodeContexts *contexts)
{
  guint64 now = clock->ticks + 1, count = clock->count;
  guint32 least, largest;

  if (count == 0)
    return;
  if (!clock->offsets_known)
    find_offsets(clock);
  least = (guint32)((guint64)clock->offset_least + now);
  largest = (guint32)((guint64)clock->offset_largest + now);
  contexts->least = contexts->count == 0 ? least : MIN(contexts->least, least);
  contexts->largest = MAX(contexts->largest, largest);
  contexts->count += clock->count;
  contexts->sum += clock->offsets_sum + count * now;
  contexts->squares += clock->offsets_squares + 2 * now * clock->offsets_sum + count * now * now;
  for (guint32 i = 0; i < clock->windows.n; i++) {
    const SeenPart *seen = &clock->seen[i];
    contexts->visible[i] += seen->bases + seen->kinks.count * now + seen->full;
    contexts->growing[i] += seen->kinks.count;
  }
}
