#include "price.h"

#include "sim/layerwise.h"

static gint64
step_ps(const OverflowQuery *query, const CostChunk *chunk)
{
  const CostShape shape = {
      .prefills = chunk,
      .n_prefills = chunk != NULL ? 1 : 0,
      .contexts = *query->decodes,
      .sampled = query->decodes->count,
      .sequences = query->decodes->count + (chunk != NULL ? 1 : 0),
  };
  CostPiece piece;

  if (shape.sequences == 0)
    return 0;
  cost_model_step(query->cost, &shape, 1, &piece);
  return cost_piece_total_ps(&piece);
}

gint64
price_decodes_ps(const OverflowQuery *query)
{
  return query->cost != NULL ? step_ps(query, NULL) : 0;
}

/* Tokens of a prefill in a step that the decodes leave room for. */
static guint32
room_for_prefill(const OverflowQuery *query)
{
  return query->step_tokens - MIN(query->step_tokens - 1, query->decodes->count);
}

static gint64
find_recompute_ps(const OverflowQuery *query, guint32 tokens, guint32 cached)
{
  guint32 room = room_for_prefill(query);
  gint64 idle_ps, total_ps = 0;

  idle_ps = query->decodes_ps > 0 ? query->decodes_ps : price_decodes_ps(query);
  for (guint32 done = 0; done < tokens; done += MIN(room, tokens - done)) {
    const CostChunk chunk = {.tokens = MIN(room, tokens - done), .cached_tokens = cached + done};
    gint64 added_ps = step_ps(query, &chunk) - idle_ps; /* MAX() would ask twice */
    /* A chunk can break a padded batch up, and so seem to save time. */
    total_ps += MAX(0, added_ps);
  }
  return total_ps;
}

/* Computing `tokens` after `cached` more. Without a cost model: as if each token took 1 ps. */
static gint64
price_recompute_ps(const OverflowQuery *query, guint32 tokens, guint32 cached)
{
  PriceMemo *memo = query->memo;
  RememberedPrice *price;

  if (query->cost == NULL || tokens == 0)
    return tokens;
  if (memo == NULL)
    return find_recompute_ps(query, tokens, cached);
  price = &memo->prices[(tokens + 31 * cached) % PRICE_MEMO_SLOTS];
  if (price->load != memo->load || price->tokens != tokens || price->cached != cached)
    *price =
        (RememberedPrice){memo->load, tokens, cached, find_recompute_ps(query, tokens, cached)};
  return price->ps;
}

/* What the victim computes while its blocks are copied in. */
typedef struct {
  guint32 tokens, cached_tokens; /* of which these are there */
  guint32 blocks;
  gint64
      end_ps; /* beside the steps: later than the step that it comes back in would end without it */
} Front;

static Front
find_front(const OverflowQuery *query, guint32 blocks, guint32 tokens, guint32 cached_tokens,
           gint64 recompute_ps)
{
  gint64 further_steps = tokens > 0 ? (tokens - 1) / room_for_prefill(query) : 0;
  gint64 idle_ps = 0;

  if (query->copies->beside && further_steps > 0)
    idle_ps = query->decodes_ps > 0 ? query->decodes_ps : price_decodes_ps(query);
  return (Front){.tokens = tokens,
                 .cached_tokens = cached_tokens,
                 .blocks = blocks,
                 .end_ps = further_steps * idle_ps + recompute_ps};
}

/* Beside the steps: what the copy slows them by, and the share of the pool that is of no use, as a
 * share of the device's time. What is copied is of no use until all of it has come and the front is
 * computed; the front from its end on until then. */
static gint64
copy_beside_ps(const OverflowQuery *query, CopyDirection direction, guint32 blocks,
               const Front *front)
{
  CopyContention contention;
  gint64 copy_ps, ahead_ps, end_ps, front_waits_ps;
  double held;

  if (blocks == 0)
    return 0;
  contention = cost_model_contention(query->cost, direction, FALSE);
  copy_ps = cost_model_copy_ps(query->cost, direction, blocks);
  ahead_ps = direction == COPY_IN ? layerwise_ahead_ps(query->cost, query->decodes) : 0;
  end_ps = copy_load_wait_ps(query->copies, direction, blocks) + copy_ps - MIN(copy_ps, ahead_ps);
  front_waits_ps = MAX(0, end_ps - front->end_ps);
  held = (double)MAX(end_ps, front->end_ps) * blocks + (double)front_waits_ps * front->blocks;
  return (gint64)(contention.step * (double)copy_ps + held / query->copies->pool_blocks);
}

/* Layer by layer: what the copies add to the step that evicts the victim, and to the one that it
 * comes back in, with as much of its front as that has room for, or with its next token, whose
 * context is left out so that no price falls where there is more to copy. */
static gint64
layerwise_copies_ps(const OverflowQuery *query, guint32 out_blocks, guint32 in_blocks,
                    const Front *front)
{
  guint32 room = room_for_prefill(query);
  const CostChunk chunk = {.tokens = MIN(front->tokens, room),
                           .cached_tokens = front->cached_tokens};
  CostShape out = {.contexts = *query->decodes, .copy_out_blocks = out_blocks}, in = out;
  CostPiece piece;
  gint64 added_ps;

  out.sampled = out.sequences = out.contexts.count;
  cost_model_step(query->cost, &out, 1, &piece);
  added_ps = piece.base_ps[COST_SWAP_OUT];
  if (front->tokens > 0) {
    in.prefills = &chunk;
    in.n_prefills = 1;
  } else {
    decode_contexts_add(&in.contexts, 1);
  }
  in.copy_out_blocks = 0;
  in.copy_in_blocks = in_blocks;
  in.sampled = in.contexts.count;
  in.sequences = in.contexts.count + in.n_prefills;
  cost_model_step(query->cost, &in, 1, &piece);
  return added_ps + piece.base_ps[COST_SWAP_IN];
}

/* TRUE if what copies cost hangs on what is computed meanwhile. */
static gboolean
copies_meet_front(const OverflowQuery *query)
{
  return query->cost != NULL && (query->copies->beside || query->cost->copy_stages > 0);
}

/* What a copy costs, whatever is computed meanwhile; beside the steps: if nothing is. Without a
 * cost model: as if each of a block's tokens took 1 ps. */
static gint64
copy_alone_ps(const OverflowQuery *query, CopyDirection direction, guint32 blocks)
{
  if (query->cost == NULL)
    return (gint64)blocks * query->block_size;
  if (query->copies->beside)
    return copy_beside_ps(query, direction, blocks, &(Front){0});
  return query->cost->copy_stages > 0 ? 0 : cost_model_copy_ps(query->cost, direction, blocks);
}

/* Of so many dropped tokens, those that the prefix cache will not have. It loses a victim's last
 * blocks first. */
static guint32
lost_tokens(const OverflowQuery *query, guint32 dropped)
{
  guint64 found = query->found_tokens;

  if (!query->caches_prefixes)
    return dropped;
  return (guint32)(dropped * (double)(query->dropped_tokens - found) /
                   (double)MAX(query->dropped_tokens, 1));
}

/* Tokens in a victim's first blocks. All of them hold all that it has, also where groups have given
 * blocks back and a block is not block_size tokens. */
static guint32
tokens_in(const OverflowQuery *query, guint32 blocks)
{
  guint32 computed = query->victim.computed_tokens;

  return blocks == query->victim.blocks ? computed : MIN(blocks * query->block_size, computed);
}

/* What becomes of a victim. */
typedef struct {
  guint32 tokens, cached_tokens; /* computed again, after so many */
  guint32 front_blocks;          /* whose tokens those are */
  gboolean copies;
  guint32 out_blocks, in_blocks; /* that are copied */
} Return;

static inline Return
returned(const OverflowQuery *query, const OverflowPlan *plan, guint32 tokens,
         guint32 cached_tokens, guint32 found_copied)
{
  guint32 front = plan->keep_blocks + plan->drop_blocks, copied = query->victim.blocks - front;
  guint32 ahead = front == 0 ? MIN(copied, query->victim.ahead_blocks) : 0;

  return (Return){
      .tokens = tokens,
      .cached_tokens = cached_tokens,
      .front_blocks = plan->drop_blocks,
      .copies = !plan->free_copies && copied > 0,
      .out_blocks = copied - ahead,
      .in_blocks = copied - found_copied,
  };
}

static Return
return_with(const OverflowQuery *query, const OverflowPlan *plan, guint32 found_tokens)
{
  guint32 front = plan->keep_blocks + plan->drop_blocks, copied = query->victim.blocks - front;
  guint32 kept = plan->keep_blocks * query->block_size;
  guint32 end = tokens_in(query, front);
  guint32 ready = MIN(MAX(kept, found_tokens), end);
  guint32 found = found_tokens / query->block_size;

  return returned(query, plan, end - ready, ready, MIN(copied, found - MIN(found, front)));
}

/* How it is expected to be: nothing of what is copied lies in the prefix cache, as that loses a
 * victim's last blocks first. */
static inline Return
expected_return(const OverflowQuery *query, const OverflowPlan *plan)
{
  guint32 kept = plan->keep_blocks * query->block_size;
  guint32 end = tokens_in(query, plan->keep_blocks + plan->drop_blocks);
  guint32 lost = lost_tokens(query, end - MIN(kept, end));

  return returned(query, plan, lost, end - lost, 0);
}

/* As price_plan_below_ps(). */
static gint64
return_ps(const OverflowQuery *query, const Return *back, gint64 below_ps, PriceParts *parts)
{
  gint64 out_ps, in_ps;
  Front front;

  out_ps = back->copies ? copy_alone_ps(query, COPY_OUT, back->out_blocks) : 0;
  in_ps = back->copies ? copy_alone_ps(query, COPY_IN, back->in_blocks) : 0;
  *parts = (PriceParts){.copies_ps = out_ps + in_ps};
  if (parts->copies_ps >= below_ps)
    return parts->copies_ps;
  parts->computing_ps = price_recompute_ps(query, back->tokens, back->cached_tokens);
  if (price_parts_sum(parts) >= below_ps || !back->copies || !copies_meet_front(query))
    return price_parts_sum(parts);
  front =
      find_front(query, back->front_blocks, back->tokens, back->cached_tokens, parts->computing_ps);
  if (!query->copies->beside)
    return parts->computing_ps +
           layerwise_copies_ps(query, back->out_blocks, back->in_blocks, &front);
  return parts->computing_ps + out_ps + copy_beside_ps(query, COPY_IN, back->in_blocks, &front);
}

gint64
price_plan_below_ps(const OverflowQuery *query, const OverflowPlan *plan, gint64 below_ps,
                    PriceParts *parts)
{
  const Return back = expected_return(query, plan);

  return return_ps(query, &back, below_ps, parts);
}

gint64
price_plan_ps(const OverflowQuery *query, const OverflowPlan *plan)
{
  PriceParts parts;

  return price_plan_below_ps(query, plan, G_MAXINT64, &parts);
}

gint64
price_found_plan_ps(const OverflowQuery *query, const OverflowPlan *plan, guint32 found_tokens)
{
  const Return back = return_with(query, plan, found_tokens);
  PriceParts parts;

  return return_ps(query, &back, G_MAXINT64, &parts);
}
