/* How a step of vLLM 0.x ends: its entries, and the queues behind it. */
#include "vllm_v0.h"

/* Adds entries of sequences that compute their gaps while they are copied in. */
static void
emit_fronts(V0Plan *p)
{
  for (Sequence *s = p->self->returning.head; s != NULL; s = s->next) {
    if (s->step_tokens > 0)
      scheduler_add_entry(p->self, p->step, s, s->step_tokens, scheduler_entry_kind(s));
    s->step_tokens = 0;
  }
}

void
v0_emit(V0Plan *p)
{
  const struct {
    SequenceQueue *queue;
    EntryKind kind; /* 0: from the sequence's state */
  } order[] = {
      {p->fresh, 0},
      {p->prefills, 0},
      {p->back_prefills, ENTRY_PREFILL_SWAPPED_IN},
      {p->decodes, 0},
      {p->back_decodes, ENTRY_DECODE_SWAPPED_IN},
  };

  emit_fronts(p);
  for (guint i = 0; i < G_N_ELEMENTS(order); i++) {
    if (order[i].queue == p->decodes && p->members > 0)
      scheduler_run_members(p->self, p->step);
    for (Sequence *s = order[i].queue->head; s != NULL; s = s->next) {
      EntryKind kind = order[i].kind != 0 ? order[i].kind : scheduler_entry_kind(s);
      if (order[i].queue == p->decodes && p->members == 0 && s == p->decodes->head)
        p->step->clocked_at = p->step->entries->len;
      if (s->step_tokens > 0) /* else it starves */
        scheduler_add_entry(p->self, p->step, s, s->step_tokens, kind);
    }
  }
}

static void
move_all(SequenceQueue *from, SequenceQueue *to)
{
  while (from->length > 0)
    sequence_queue_push_tail(to, sequence_queue_pop_head(from));
}

/* 0.6 with chunking puts what it did not reach, and what came back, before the decodes; members of
 * the clock, which are decodes, then have to be moved like any other. */
static void
take_members_out(V0Plan *p)
{
  Sequence *last_decode = NULL, *next;

  scheduler_dissolve_clock(p->self, p->step);
  for (Sequence *s = p->self->running.head; p->members > 0; s = next, p->members--) {
    next = s->next;
    sequence_queue_remove(s);
    sequence_queue_insert_behind(p->decodes, last_decode, s);
    last_decode = s;
  }
}

void
v0_requeue(V0Plan *p)
{
  SequenceQueue *running = &p->self->running;
  gboolean chunked = p->self->config.chunked_prefill;

  if (chunked && !p->by_arrival && p->members > 0 &&
      (p->next != NULL || p->back_decodes->length + p->back_prefills->length > 0))
    take_members_out(p);
  if (chunked && !p->by_arrival) {
    move_all(p->back_decodes, running);
    move_all(p->back_prefills, running);
  }
  move_all(p->decodes, running);
  move_all(p->prefills, running);
  move_all(p->back_decodes, running);
  move_all(p->back_prefills, running);
  move_all(p->fresh, running);
  while (p->dropped->length > 0)
    waiting_queue_push_head(&p->self->waiting, sequence_queue_pop_head(p->dropped));
  move_all(p->moved, &p->self->swapped);
}
