#include "assumptions.h"

#include "sim/kv_groups.h"

static void
add(json_t *list, char *sentence)
{
  json_array_append_new(list, json_string(sentence));
  g_free(sentence);
}

/* Layers that see a part of the context. */
static guint32
windowed_layers(const KvLayout *layout)
{
  guint32 layers = 0;

  for (guint i = 0; i < layout->n_kinds; i++)
    layers += layout->kinds[i].window > 0 ? layout->kinds[i].layers : 0;
  return layers;
}

/* Blocks of a sequence whose windows give nothing back. */
static guint64
blocks_held(const KvLayout *layout, guint64 tokens)
{
  KvLayout whole = *layout;

  for (guint i = 0; i < whole.n_kinds; i++)
    if (whole.kinds[i].window > 0)
      whole.kinds[i].kind = KV_WHOLE;
  return kv_layout_sequence_blocks(&whole, tokens);
}

json_t *
model_assumptions(const Model *model, guint32 block_size, guint32 tp, guint32 max_model_len)
{
  json_t *list = json_array();
  guint64 state_bytes = model_rank_state_bytes(model, tp);
  KvLayout layout;

  if (model->left_out != NULL)
    add(list, g_strdup_printf("%s takes no memory", model->left_out));
  if (state_bytes > 0)
    add(list, g_strdup_printf("the recurrent state of a sequence, %.1f MiB a card, takes no blocks "
                              "of the pool and is not copied",
                              (double)state_bytes / (1 << 20)));
  if (!kv_layout_find(model, block_size, tp, &layout) || windowed_layers(&layout) == 0)
    return list;
  add(list, g_strdup_printf(
                "%u of %u layers see a window and keep KV of it all the same until a sequence "
                "ends; a server gives it back: at %u tokens a sequence holds %.0f %% of what "
                "it does here",
                windowed_layers(&layout), model->layers, max_model_len,
                100.0 * (double)kv_layout_sequence_blocks(&layout, max_model_len) /
                    (double)blocks_held(&layout, max_model_len)));
  return list;
}
