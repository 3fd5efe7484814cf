/* Which of a profile's tables of attention is of a layer's mixer, on one of `tp` devices. */
#pragma once

#include "attention_fit.h"
#include "sim/model.h"

typedef struct {
  AttentionKey key;
  char *variant;         /* the key's, owned */
  gboolean has_products; /* its times hold the mixer's products */
} MixerTable;

/* FALSE if the profile has none: the mixer is no attention, or of another shape or dtype. */
gboolean mixer_table_find(const Profile *profile, const Model *model, const Layer *layer,
                          guint32 tp, MixerTable *table);
void mixer_table_clear(MixerTable *table);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(MixerTable, mixer_table_clear)
