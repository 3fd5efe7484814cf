/* Which of a profile's tables of attention is of a layer's mixer, on one of `tp` devices. */
#pragma once

#include "calib/profile.h"
#include "sim/model.h"

/* What one device holds of a layer, in the fields that key samples. A fit uses only samples with
 * this key. */
typedef struct {
  OperationKind operation;     /* OP_ATTENTION, OP_ATTENTION_WINDOW, _SPARSE or OP_MLA */
  const char *variant, *dtype; /* needed while a fit is made */
  gint64 shape[4]; /* fields from heads on: heads, kv_heads, head_dim; behind them a window or
                      how many are picked; or heads, latent_dim, rope_dim, value_dim */
} AttentionKey;

/* Of a sample whose shape has the fields from heads on at `first`. */
AttentionKey attention_key_of(const ProfileSample *sample, guint first);
/* Whether a sample is of it, in whatever step. */
gboolean attention_key_is_of(const AttentionKey *key, const ProfileSample *sample);
/* Whether the profile has samples of it. */
gboolean attention_key_is_there(const Profile *profile, const AttentionKey *key);
/* The window of OP_ATTENTION_WINDOW, else 0. */
gint64 attention_key_window(const AttentionKey *key);

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
