/* Within models/: what readers of families share.
 *
 * A family is a row of a table: its model_type and a function that reads its keys. The function
 * asks for the frame (what every config.json has, under a handful of names), changes what its
 * architecture fixes, and adds the layers one by one. Absent keys have the values that transformers
 * gives them.
 */
#pragma once

#include "layer_traits.h"

typedef struct FamilyReader FamilyReader;

struct FamilyReader {
  ConfigReader reader; /* the object that describes the decoder */
  Model *model;
  Quantization *quantization;
  LayerMaker maker;
  guint32 layers;
  /* What the frame's keys say; a family changes what its architecture fixes. */
  AttentionTraits attention;
  DenseTraits dense;
  /* Which layers have a window, where layer_types does not say; NULL: all that is, if there is a
   * window. */
  gboolean (*is_windowed)(const FamilyReader *family, guint32 index);
  MixerKind window_kind; /* sliding or chunked */
  guint32 pattern;       /* for is_windowed and is_sparse */
  guint32 sparse_step;   /* for family_is_sparse() */
};

typedef struct {
  const char *type;
  gboolean (*read)(FamilyReader *family);
  gboolean tied;        /* unless tie_word_embeddings says otherwise */
  const char *defaults; /* keys that a file may leave out, as a JSON object; NULL: none */
} Family;

/* Tables that end in a row without a type. */
extern const Family families_llama[], families_moe[], families_latent[], families_hybrid[],
    families_mamba[], families_gemma[], families_classic[], families_puzzle[], families_ernie[],
    families_hunyuan[], families_kimi[], families_minimax[], families_compressed[];

/* Layers, widths, heads, vocabulary, context, dtype and quantization. */
gboolean family_read_frame(FamilyReader *family);
/* intermediate_size, or a name like it, into dense.width. */
gboolean family_read_width(FamilyReader *family);
/* The mixer that layer_types, or is_windowed, gives a layer; sets attention.kind. FALSE for a word
 * that is not known here: a family that knows more looks first. */
gboolean family_set_attention_kind(FamilyReader *family, guint32 index);
/* The word of layer_types for a layer, NULL where there is none. */
const char *family_layer_type(const FamilyReader *family, guint32 index);
/* Layers of attention and a dense feed-forward part, each with so many elements in its norms. */
gboolean family_add_dense_layers(FamilyReader *family, guint64 norm_elements);
/* Layers of which those that is_sparse picks (NULL: all) have experts. */
gboolean family_add_expert_layers(FamilyReader *family, const ExpertTraits *experts,
                                  gboolean (*is_sparse)(const FamilyReader *family, guint32 index),
                                  guint64 norm_elements);
/* Experts from a layer on: first_k_dense_replace, then every moe_layer_freq. */
gboolean family_is_past_dense(const FamilyReader *family, guint32 index);
/* decoder_sparse_step, every so many layers has experts, and mlp_only_layers, which have none. */
gboolean family_read_sparse(FamilyReader *family);
gboolean family_is_sparse(const FamilyReader *family, guint32 index);
/* num_experts_per_tok, and the experts' number in a key that goes by many names. */
gboolean family_read_experts(FamilyReader *family, ExpertTraits *experts);
/* TRUE if tie_word_embeddings, in the decoder's object or in the file, says so. */
gboolean family_read_tied(FamilyReader *family, gboolean absent);
