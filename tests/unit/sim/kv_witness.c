#include "kv_witness.h"

typedef struct {
  guint64 front;              /* tokens from the first on whose KV is in the pool */
  guint64 tail_from, tail_to; /* tokens behind a gap, or on the host; both 0 where there are none */
  gboolean away;              /* the tail is on the host */
  guint copying_ahead;        /* a copy ahead of need reads it */
  guint leaving, arriving;    /* copies beside the steps that read it, write it */
  gboolean beside;            /* such copies take it away and bring it back: */
  guint64 to_go_blocks;       /* what has not begun to go */
  gboolean back;              /* it has come */
  guint writing, reading;     /* part of it is on its way to the disk, or from it */
  guint64 disk_blocks;        /* that are there */
  gint64 back_ps;             /* its copy in, not used so far, has not ended before; 0: none */
} Place;

struct KvWitness {
  Place *places;
  guint32 block_size;
  CostModel *cost;
  gint64 link_ps[8]; /* by instance: copies in that were begun end no earlier */
};

KvWitness *
kv_witness_new(guint32 requests, guint32 block_size, CostModel *cost)
{
  KvWitness *witness = g_new0(KvWitness, 1);

  witness->places = g_new0(Place, requests);
  witness->block_size = block_size;
  witness->cost = cost;
  return witness;
}

void
kv_witness_free(KvWitness *witness)
{
  g_free(witness->places);
  g_free(witness);
}

/* The front has reached the tail, if it has. */
static void
join(Place *place)
{
  if (place->tail_to == 0 || place->away)
    return;
  g_assert_cmpuint(place->front, <=, place->tail_from);
  if (place->front == place->tail_from) {
    place->front = place->tail_to;
    place->tail_from = place->tail_to = 0;
  }
}

static void
evict(KvWitness *witness, const StepVictim *victim)
{
  Place *place = &witness->places[victim->request];
  guint64 kept = (guint64)victim->kept_blocks * witness->block_size;
  guint64 cut = kept + (guint64)(victim->blocks - victim->copied_blocks) * witness->block_size;
  guint64 lost = place->front - MIN(place->front, kept);

  g_assert_false(place->away);
  g_assert_cmpuint(kept, <=, place->front);
  if (victim->ahead_blocks > 0) {
    guint64 there = (guint64)victim->copied_blocks * witness->block_size;
    g_assert_cmpuint((guint64)victim->ahead_blocks * witness->block_size, <=, place->front);
    g_assert_cmpuint(victim->tokens_lost, ==, place->front - MIN(place->front, there));
    g_assert_cmpuint(victim->copied_blocks + victim->rest_blocks, ==, victim->blocks);
    place->away = TRUE;
    place->to_go_blocks = victim->copied_blocks - victim->ahead_blocks;
    place->beside = place->to_go_blocks > 0;
    place->tail_to = MIN(there, victim->computed_tokens);
    place->front = 0;
    return;
  }
  g_assert_cmpuint(place->copying_ahead, ==, 0);
  if (victim->copied_blocks == 0) {
    g_assert_cmpuint(victim->tokens_lost, ==, lost);
    *place = (Place){.front = kept};
    return;
  }
  g_assert_cmpuint(place->tail_to, ==, 0);
  /* One more where the token in flight is lost: its KV is not copied. */
  g_assert_cmpuint(victim->tokens_lost - (cut - kept), <=, 1);
  *place = (Place){.front = kept,
                   .tail_from = cut,
                   .tail_to = place->front - (victim->tokens_lost - (cut - kept)),
                   .away = TRUE,
                   .beside = victim->copies.beside && !victim->free_copies};
  place->to_go_blocks = place->beside ? victim->copied_blocks : 0;
  g_assert_cmpuint(place->tail_from, <=, place->tail_to);
}

static guint *
under_way_of(Place *place, const StepCopy *copy)
{
  switch (copy->direction) {
  case COPY_OUT:
    return copy->is_ahead ? &place->copying_ahead : &place->leaving;
  case COPY_IN:
    return &place->arriving;
  case COPY_TO_DISK:
    return &place->writing;
  default:
    return &place->reading;
  }
}

/* Copies beside the steps: nothing comes back that has not gone, or runs before it is back. */
static void
follow_copies(KvWitness *witness, const Step *step)
{
  for (guint i = 0; i < step->copied->len; i++) {
    const StepCopy *copy = &g_array_index(step->copied, StepCopy, i);
    Place *place = &witness->places[copy->request];
    guint *under_way = under_way_of(place, copy);
    g_assert_cmpuint(*under_way, >, 0);
    --*under_way;
    place->back |= copy->direction == COPY_IN;
    if (copy->direction == COPY_TO_DISK)
      place->disk_blocks += copy->blocks;
    if (copy->direction == COPY_FROM_DISK)
      place->disk_blocks -= copy->blocks;
  }
}

/* The link takes copies in one after the other. */
static void
begin_copy_in(KvWitness *witness, const StepCopy *copy, const StepReport *report)
{
  gint64 *link_ps = &witness->link_ps[report->instance];

  g_assert_cmpuint(report->instance, <, G_N_ELEMENTS(witness->link_ps));
  if (witness->cost == NULL)
    return;
  *link_ps =
      MAX(*link_ps, report->start_ps) + cost_model_copy_ps(witness->cost, COPY_IN, copy->blocks);
  witness->places[copy->request].back_ps = *link_ps;
}

/* The first step that uses it, which need not be the one that it joins, begins when the copy in has
 * ended; layer by layer the last part of its layers does. */
static void
check_time(const KvWitness *witness, Place *place, const StepReport *report)
{
  const gint64 *ps = report->cost != NULL ? report->cost->base_ps : NULL;
  guint32 stages = witness->cost != NULL ? witness->cost->copy_stages : 0;

  if (place->away || place->back_ps == 0)
    return;
  if (stages == 0 || ps == NULL)
    g_assert_cmpint(report->start_ps, >=, place->back_ps);
  else
    g_assert_cmpint(report->start_ps + report->first_ps, >=,
                    place->back_ps + (ps[COST_LINEAR] + ps[COST_ATTENTION]) / stages);
  place->back_ps = 0;
}

static void
begin_copies(KvWitness *witness, const StepReport *report)
{
  const Step *step = report->step;

  for (guint i = 0; i < step->copies->len; i++) {
    const StepCopy *copy = &g_array_index(step->copies, StepCopy, i);
    Place *place = &witness->places[copy->request];
    if (copy->is_ahead) {
      g_assert_true(!place->away && !place->copying_ahead);
      g_assert_cmpuint((guint64)copy->blocks * witness->block_size, <=, place->front);
      place->copying_ahead++;
      continue;
    }
    g_assert_true(place->away && !place->arriving);
    g_assert_true(!place->leaving || copy->direction == COPY_OUT ||
                  copy->direction == COPY_TO_DISK);
    /* What was copied ahead may go on while the rest is copied out. */
    g_assert_true(!place->writing || copy->direction == COPY_OUT);
    g_assert_true(copy->direction == COPY_OUT || !place->copying_ahead);
    g_assert_true(!place->reading);
    if (copy->direction == COPY_OUT) {
      g_assert_cmpuint(copy->blocks, <=, place->to_go_blocks);
      place->to_go_blocks -= copy->blocks;
    } else if (copy->direction != COPY_TO_DISK) {
      g_assert_cmpuint(place->to_go_blocks, ==, 0);
    }
    if (copy->direction == COPY_FROM_DISK)
      g_assert_cmpuint(copy->blocks, ==, place->disk_blocks);
    ++*under_way_of(place, copy);
    if (copy->direction == COPY_IN)
      begin_copy_in(witness, copy, report);
  }
}

static void
give_back(KvWitness *witness, const StepShed *shed)
{
  Place *place = &witness->places[shed->request];
  guint64 tokens = (guint64)shed->blocks * witness->block_size;

  g_assert_cmpuint(tokens, <=, place->front);
  place->front -= tokens;
}

static void
work(KvWitness *witness, const StepEntry *entry, guint32 repeats)
{
  Place *place = &witness->places[entry->request];

  g_assert_cmpuint(entry->cached_tokens, ==, place->front);
  place->front += (guint64)entry->tokens * repeats;
  /* Before what was copied is back, a gap before it can be computed. */
  g_assert_true(!place->away ||
                (place->beside && !place->leaving && place->front <= place->tail_from));
  join(place);
}

void
kv_witness_step(KvWitness *witness, const StepReport *report)
{
  const Step *step = report->step;

  follow_copies(witness, step);
  for (guint i = 0; i < step->victims->len; i++)
    evict(witness, &g_array_index(step->victims, StepVictim, i));
  for (guint i = 0; i < step->shed->len; i++)
    give_back(witness, &g_array_index(step->shed, StepShed, i));
  for (guint i = 0; i < step->swapped_in->len; i++) {
    Place *place = &witness->places[g_array_index(step->swapped_in, StepSwapIn, i).request];
    g_assert_true(place->away && !place->leaving && !place->arriving);
    g_assert_true(!place->writing && !place->reading);
    g_assert_cmpuint(place->to_go_blocks, ==, 0);
    g_assert_true(!place->beside || place->back ||
                  g_array_index(step->swapped_in, StepSwapIn, i).blocks == 0);
    place->away = place->beside = place->back = FALSE;
    place->disk_blocks = 0;
    join(place);
  }
  begin_copies(witness, report);
  for (guint i = 0; i < step->entries->len; i++) {
    const StepEntry *entry = &g_array_index(step->entries, StepEntry, i);
    check_time(witness, &witness->places[entry->request], report);
    work(witness, entry, report->repeats);
  }
}
