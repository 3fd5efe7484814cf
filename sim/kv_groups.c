#include "kv_groups.h"

enum { STATE_ALIGNMENT = 16 }; /* where the model says no other */

/* One kind while it is put together. */
typedef struct {
  KvGroupKind base;
  guint64 token_bytes; /* of one layer; the largest, where they differ */
  guint64 all_bytes;   /* of all its layers */
  guint64 state_bytes; /* of one layer */
  guint32 tensors;     /* of one layer: keys and values, two parts of a state, or a latent */
} Kind;

static KvKind
kind_of(const Mixer *mixer)
{
  switch (mixer->kind) {
  case MIXER_SLIDING:
    return KV_WINDOW;
  case MIXER_CHUNKED:
    return KV_CHUNKS;
  case MIXER_RECURRENT:
    return KV_STATE;
  case MIXER_FULL:
  case MIXER_LATENT:
  case MIXER_SPARSE: /* it may pick any token, so it keeps all */
  case MIXER_COMPRESSED:
  case MIXER_NONE:
    break;
  }
  return KV_WHOLE;
}

/* Adds an entry's layers to their kind. FALSE if there are too many kinds. */
static gboolean
add_layers(Kind *kinds, guint *n_kinds, const Layer *layer, guint32 kv_bits, guint32 tp)
{
  KvKind kind = kind_of(&layer->mixer);
  guint32 window = kind == KV_WINDOW || kind == KV_CHUNKS ? layer->mixer.window : 0;
  guint64 token_bytes = layer_kv_bytes(layer, kv_bits, tp);
  guint64 state_bytes = layer_state_bytes(layer, tp);
  guint i = 0;

  if (token_bytes == 0 && state_bytes == 0)
    return TRUE;
  while (i < *n_kinds && (kinds[i].base.kind != kind || kinds[i].base.window != window))
    i++;
  if (i == KV_GROUP_KINDS)
    return FALSE;
  if (i == *n_kinds)
    kinds[(*n_kinds)++] = (Kind){.base = {.kind = kind, .window = window}};
  kinds[i].base.layers += layer->count;
  kinds[i].token_bytes = MAX(kinds[i].token_bytes, token_bytes);
  kinds[i].state_bytes = MAX(kinds[i].state_bytes, state_bytes);
  kinds[i].tensors = MAX(kinds[i].tensors, mixer_kv_tensors(&layer->mixer));
  kinds[i].all_bytes += layer->count * token_bytes;
  return TRUE;
}

/* Layers a group: those of the smallest kind; of the largest, where that is less than a quarter
 * more. */
static guint32
layers_a_group(const Kind *kinds, guint n_kinds)
{
  guint32 fewest = G_MAXUINT32, most = 0;

  for (guint i = 0; i < n_kinds; i++) {
    fewest = MIN(fewest, kinds[i].base.layers);
    most = MAX(most, kinds[i].base.layers);
  }
  return 4 * (guint64)most < 5 * (guint64)fewest ? most : fewest;
}

/* Bytes of a page: block_size tokens of the largest kind; with states the least multiple of
 * `alignment` into which one fits, if that is more. */
static guint64
find_page(const Kind *kinds, guint n_kinds, guint32 block_size, guint32 alignment)
{
  guint64 widest = 0, state = 0, tokens = block_size;

  for (guint i = 0; i < n_kinds; i++) {
    widest = MAX(widest, kinds[i].token_bytes);
    state = MAX(state, kinds[i].state_bytes);
  }
  if (widest == 0)
    return state;
  if (state > 0)
    tokens = MAX(tokens, (state + widest * alignment - 1) / (widest * alignment) * alignment);
  return widest * tokens;
}

static void
set_kinds(KvGroups *groups, Kind *kinds, guint n_kinds)
{
  for (guint i = 0; i < n_kinds; i++) {
    KvGroupKind *base = &kinds[i].base;
    base->groups = (base->layers + groups->group_layers - 1) / groups->group_layers;
    if (base->kind != KV_STATE)
      base->block_tokens = (guint32)(groups->page_bytes / kinds[i].token_bytes);
    groups->kinds[i] = *base;
    groups->n_groups += base->groups;
    groups->block_tensors = MAX(groups->block_tensors, groups->group_layers * kinds[i].tensors);
  }
  groups->n_kinds = n_kinds;
}

gboolean
kv_groups_find(const Model *model, guint32 block_size, guint32 tp, KvGroups *groups)
{
  Kind kinds[KV_GROUP_KINDS] = {0};
  guint n_kinds = 0;

  if (model_is_compressed(model))
    return kv_groups_find_compressed(model, groups);
  *groups = (KvGroups){0};
  for (guint i = 0; i < model->n_kinds; i++)
    if (!add_layers(kinds, &n_kinds, &model->kinds[i], model->kv_bits, tp))
      return FALSE;
  if (n_kinds == 0)
    return FALSE;
  groups->group_layers = layers_a_group(kinds, n_kinds);
  groups->page_bytes =
      find_page(kinds, n_kinds, block_size,
                model->state_alignment > 0 ? model->state_alignment : STATE_ALIGNMENT);
  groups->block_bytes = groups->page_bytes * groups->group_layers;
  groups->draft_tokens = model->draft_tokens;
  set_kinds(groups, kinds, n_kinds);
  /* With one kind of layers pages need not be equal. */
  if (n_kinds == 1 && kinds[0].base.kind != KV_STATE) {
    groups->block_bytes = kinds[0].all_bytes * block_size;
    groups->kinds[0].block_tokens = block_size;
  }
  return TRUE;
}

gboolean
kv_groups_have_states(const KvGroups *groups)
{
  for (guint i = 0; i < groups->n_kinds; i++)
    if (groups->kinds[i].kind == KV_STATE)
      return TRUE;
  return FALSE;
}

guint32
kv_groups_longest_block(const KvGroups *groups)
{
  guint32 tokens = 0;

  for (guint i = 0; i < groups->n_kinds; i++)
    tokens = MAX(tokens, groups->kinds[i].block_tokens);
  return tokens;
}

guint32
kv_groups_state_tokens(const KvGroups *groups)
{
  for (guint i = 0; i < groups->n_kinds; i++)
    if (groups->kinds[i].kind == KV_STATE)
      return groups->kinds[i].block_tokens;
  return 0;
}

gboolean
kv_groups_is_plain(const KvGroups *groups)
{
  return groups->n_kinds == 1 && groups->kinds[0].kind == KV_WHOLE;
}

static guint64
blocks_of(const KvGroupKind *kind, guint64 tokens)
{
  return (tokens + kind->block_tokens - 1) / kind->block_tokens;
}

guint64
kv_group_gone_blocks(const KvGroupKind *kind, guint64 computed)
{
  switch (kind->kind) {
  case KV_WINDOW:
    return computed >= kind->window ? (computed - kind->window + 1) / kind->block_tokens : 0;
  case KV_CHUNKS:
    return computed / kind->window * kind->window / kind->block_tokens;
  case KV_STATE:
    return kind->block_tokens > 0 && computed > 0 ? (computed - 1) / kind->block_tokens : 0;
  case KV_WHOLE:
    break;
  }
  return 0;
}

/* A state is written where a step ends; the ones that steps in flight begin with stay. */
static guint64
state_blocks(const KvGroupKind *kind, guint64 settled, guint64 computed, guint64 tokens)
{
  const guint64 ends[] = {settled, computed, tokens};
  guint64 blocks = 1;

  for (guint i = 0; i + 1 < G_N_ELEMENTS(ends); i++)
    blocks += ends[i] > 0 &&
              kv_group_gone_blocks(kind, ends[i]) != kv_group_gone_blocks(kind, ends[i + 1]);
  return blocks;
}

static guint64
group_blocks(const KvGroupKind *kind, guint64 settled, guint64 computed, guint64 tokens)
{
  guint64 all, gone;

  if (tokens == 0)
    return 0;
  if (kind->kind == KV_STATE)
    return state_blocks(kind, settled, computed, tokens);
  all = blocks_of(kind, tokens);
  gone = kv_group_gone_blocks(kind, settled);
  return all - MIN(gone, all);
}

guint64
kv_groups_step_blocks(const KvGroups *groups, guint64 settled, guint64 computed, guint64 tokens)
{
  guint64 blocks = 0;

  for (guint i = 0; i < groups->n_kinds; i++)
    blocks += groups->kinds[i].groups * group_blocks(&groups->kinds[i], settled, computed, tokens);
  return blocks;
}

guint64
kv_groups_sequence_blocks(const KvGroups *groups, guint64 tokens)
{
  return kv_groups_step_blocks(groups, tokens, tokens, tokens);
}

/* The first number beyond `tokens` that is `from` or a multiple of `step` more. */
static guint64
next_beyond(guint64 tokens, guint64 from, guint64 step)
{
  return tokens < from ? from : from + ((tokens - from) / step + 1) * step;
}

/* The first number of settled tokens beyond `settled` after which fewer blocks are needed. */
static guint64
next_gone(const KvGroupKind *kind, guint64 settled)
{
  switch (kind->kind) {
  case KV_WINDOW:
    return next_beyond(settled, (guint64)kind->window - 1 + kind->block_tokens, kind->block_tokens);
  case KV_CHUNKS:
    return next_beyond(settled, kind->window, kind->window);
  case KV_STATE:
    return next_beyond(settled, (guint64)kind->block_tokens + 1, kind->block_tokens);
  case KV_WHOLE:
    break;
  }
  return G_MAXUINT64 / 2;
}

guint64
kv_groups_next_change(const KvGroups *groups, guint64 computed, guint32 lag)
{
  guint64 next = G_MAXUINT64 / 2, settled = computed - MIN(lag, computed);

  for (guint i = 0; i < groups->n_kinds; i++) {
    const KvGroupKind *kind = &groups->kinds[i];
    guint64 beyond, gone;
    if (kind->block_tokens == 0)
      continue;
    beyond = next_beyond(computed, 0, kind->block_tokens);
    gone = next_gone(kind, settled) + lag;
    next = MIN(next, MIN(beyond, gone));
  }
  return next;
}

guint64
kv_groups_period(const KvGroups *groups)
{
  guint64 period = 1;

  for (guint i = 0; i < groups->n_kinds; i++) {
    guint32 tokens = MAX(groups->kinds[i].block_tokens, 1);
    guint64 common = common_divisor(tokens, (guint32)period);
    period = MIN(period / common * tokens, G_MAXUINT32);
  }
  return period;
}

/* The first number of computed tokens beyond `computed` with which a group's changes become others:
 * a window begins to give back, a chunk does, or is over with it, a state has one before it. */
static guint64
alike_until(const KvGroupKind *kind, guint64 computed, guint32 lag)
{
  guint64 end = G_MAXUINT64;

  switch (kind->kind) {
  case KV_WINDOW:
    end = (guint64)kind->window - 1 + kind->block_tokens + lag;
    break;
  case KV_CHUNKS:
    if (computed >= lag && (computed - lag) % kind->window == 0)
      return computed + 1;
    return next_beyond(computed - MIN(lag, computed), 0, kind->window) + lag;
  case KV_STATE:
    end = kind->block_tokens > 0 ? (guint64)lag + 2 : G_MAXUINT64;
    break;
  case KV_WHOLE:
    break;
  }
  return computed < end ? end : G_MAXUINT64;
}

guint64
kv_groups_alike_until(const KvGroups *groups, guint64 computed, guint32 lag)
{
  guint64 end = G_MAXUINT64;

  for (guint i = 0; i < groups->n_kinds; i++)
    end = MIN(end, alike_until(&groups->kinds[i], computed, lag));
  return end;
}

/* What a window shows may begin anywhere in a block; a chunk begins at a multiple of its length. */
static guint64
admission_group_blocks(const KvGroupKind *kind, guint64 tokens, guint64 step_tokens)
{
  guint64 all = group_blocks(kind, 0, 0, tokens), seen;

  if (kind->window == 0)
    return all;
  seen = kind->window + step_tokens - (kind->kind == KV_WINDOW ? 1 : 0);
  return MIN(all, blocks_of(kind, seen) +
                      (kind->kind == KV_WINDOW || kind->window % kind->block_tokens != 0 ? 1 : 0));
}

guint64
kv_groups_admission_blocks(const KvGroups *groups, guint64 tokens, guint64 step_tokens)
{
  guint64 blocks = 0;

  for (guint i = 0; i < groups->n_kinds; i++)
    blocks +=
        groups->kinds[i].groups * admission_group_blocks(&groups->kinds[i], tokens, step_tokens);
  return blocks;
}

/* Of states where some are kept: those with which two steps in flight begin and the second ends,
 * and one within a step. */
static guint64
most_group_blocks(const KvGroups *groups, const KvGroupKind *kind, guint64 tokens,
                  guint64 step_tokens)
{
  if (kind->kind == KV_STATE && kind->block_tokens > 0)
    return MIN(blocks_of(kind, tokens), groups->inner_states ? 4 : 3);
  return admission_group_blocks(kind, tokens, step_tokens);
}

guint64
kv_groups_most_blocks(const KvGroups *groups, guint64 tokens, guint64 step_tokens)
{
  guint64 blocks = 0;

  for (guint i = 0; i < groups->n_kinds; i++)
    blocks +=
        groups->kinds[i].groups * most_group_blocks(groups, &groups->kinds[i], tokens, step_tokens);
  return blocks;
}

/* vLLM's max_memory_usage_bytes, in pages of one layer. */
static guint64
planned_group_blocks(const KvGroups *groups, const KvGroupKind *kind, guint64 longest,
                     guint64 step_tokens)
{
  switch (kind->kind) {
  case KV_WINDOW:
    return blocks_of(kind, MIN(kind->window - 1 + step_tokens, longest)) + 1;
  case KV_CHUNKS:
    return blocks_of(kind, MIN(kind->window + step_tokens, longest));
  case KV_STATE:
    return (kind->block_tokens > 0 ? 2 : 1) + groups->draft_tokens + (groups->inner_states ? 1 : 0);
  case KV_WHOLE:
    break;
  }
  return blocks_of(kind, longest);
}

guint64
kv_groups_planned_blocks(const KvGroups *groups, guint64 longest, guint64 step_tokens)
{
  guint64 blocks = 0;

  for (guint i = 0; i < groups->n_kinds; i++)
    blocks += groups->kinds[i].groups *
              planned_group_blocks(groups, &groups->kinds[i], longest, step_tokens);
  return blocks;
}

guint64
kv_groups_bound_blocks(const KvGroups *groups, guint64 n, guint64 tokens)
{
  guint64 blocks = 0;

  for (guint i = 0; i < groups->n_kinds; i++) {
    const KvGroupKind *kind = &groups->kinds[i];
    guint64 bound = kind->kind == KV_WHOLE
                        ? (tokens + n * (kind->block_tokens - 1)) / kind->block_tokens
                        : n * most_group_blocks(groups, kind, G_MAXUINT32, 1);
    blocks += kind->groups * bound;
  }
  return blocks;
}

guint64
kv_groups_longest(const KvGroups *groups, guint64 blocks, guint64 step_tokens, guint64 longest)
{
  guint64 fits = 0, beyond = longest + 1;

  while (beyond - fits > 1) {
    guint64 middle = fits + (beyond - fits) / 2;
    if (kv_groups_most_blocks(groups, middle, step_tokens) <= blocks)
      fits = middle;
    else
      beyond = middle;
  }
  return fits;
}

guint64
kv_groups_tokens(const KvGroups *groups, guint64 blocks)
{
  guint32 tokens = G_MAXUINT32;

  for (guint i = 0; i < groups->n_kinds; i++)
    if (groups->kinds[i].block_tokens > 0 && groups->kinds[i].kind != KV_STATE)
      tokens = MIN(tokens, groups->kinds[i].block_tokens);
  return tokens == G_MAXUINT32 ? 0 : blocks / groups->n_groups * tokens;
}
