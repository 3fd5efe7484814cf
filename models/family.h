/* Within models/: what the readers of families share.
 *
 * A family is a row of a table: its model_type and a function that reads its keys. The function
 * calls family_read_frame() for what every config.json has, sets what its architecture fixes, and
 * adds the layers one by one. Absent keys have the defaults of transformers.
 *
 * Functions that return gboolean return FALSE with MODEL_CONFIG_ERROR, unless they answer a
 * question
 * (_is_).
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
  /* From the frame's keys; a family sets what its architecture fixes. */
  AttentionTraits attention;
  DenseTraits dense;
  /* TRUE if the layer has a window. Asked if there is a window and no layer_types; NULL: every
   * layer has it. */
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
    families_mamba[], families_gemma[], families_classic[], families_puzzle[], families_hunyuan[],
    families_kimi[], families_minimax[], families_compressed[], families_dense[], families_shared[],
    families_linear[];

/* Layers, widths, heads, vocabulary, context, dtype and quantization. */
gboolean family_read_frame(FamilyReader *family);
/* intermediate_size, or a name like it, into dense.width. */
gboolean family_read_width(FamilyReader *family);
/* Sets attention.kind of a layer, from layer_types or is_windowed. A word of layer_types that only
 * one family has is an error here: that family must look first. */
gboolean family_set_attention_kind(FamilyReader *family, guint32 index);
/* The word of layer_types for a layer; NULL: there is none. */
const char *family_layer_type(const FamilyReader *family, guint32 index);
/* For is_windowed: TRUE for all but every pattern-th layer; with pattern 0 for none. */
gboolean family_is_in_pattern(const FamilyReader *family, guint32 index);
/* Reads sliding_window_pattern, a number or a word of L and G that repeats (the last layer is G),
 * for layers without layer_types. */
gboolean family_read_window_pattern(FamilyReader *family);
/* Adds a layer's feed-forward part, the experts or (NULL) the dense one, and ends the layer. */
void family_end_layer(FamilyReader *family, const ExpertTraits *experts);
/* Adds all layers, of attention and a dense feed-forward part. norm_elements: in the norms of each.
 */
gboolean family_add_dense_layers(FamilyReader *family, guint64 norm_elements);
/* The same; layers for which is_sparse returns TRUE (NULL: all) have experts instead. */
gboolean family_add_expert_layers(FamilyReader *family, const ExpertTraits *experts,
                                  gboolean (*is_sparse)(const FamilyReader *family, guint32 index),
                                  guint64 norm_elements);
/* For is_sparse: TRUE from layer first_k_dense_replace on, for every moe_layer_freq-th. */
gboolean family_is_past_dense(const FamilyReader *family, guint32 index);
/* Reads decoder_sparse_step and mlp_only_layers. */
gboolean family_read_sparse(FamilyReader *family);
/* For is_sparse: TRUE for every decoder_sparse_step-th layer that is not in mlp_only_layers. */
gboolean family_is_sparse(const FamilyReader *family, guint32 index);
/* Reads num_experts_per_tok, and the number of experts under any of its names. */
gboolean family_read_experts(FamilyReader *family, ExpertTraits *experts);
/* Reads how many experts every token passes, under `key` (absent: none); each is `width` wide. */
gboolean family_read_shared_experts(const FamilyReader *family, const char *key, guint32 width,
                                    ExpertTraits *experts);
/* Reads tie_word_embeddings from the decoder's object or the file's own; `absent` without it. */
gboolean family_read_tied(FamilyReader *family, gboolean absent);
