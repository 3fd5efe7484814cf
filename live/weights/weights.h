/* A decoder's weights: which tensors there are, where each lies, and filling them.
 *
 * The layout is the same for every executor: one arena of elements, matrices [out][in] row-major;
 * q, k, v are the rows of one matrix, gate and up of another, so that each is one product. Offsets
 * are in elements; those of matrices and vectors are multiples of WEIGHT_ALIGN. A tensor of a
 * checkpoint is a range of a matrix's rows. A source reads any range of a tensor's values as
 * floats, random from a seed or a checkpoint's; several threads may read at the same time.
 */
#pragma once

#include "models/decoder_config.h"

enum { WEIGHT_ALIGN = 128 }; /* 256 bytes: the alignment that cuBLASLt assumes */

#define WEIGHTS_ERROR (weights_error_quark())
GQuark weights_error_quark(void);
typedef enum { WEIGHTS_ERROR_INPUT } WeightsError;

typedef struct {
  gsize input_norm, qkv, qkv_bias, q_norm, k_norm, output, post_norm, gate_up, down;
} LayerWeights;

typedef struct {
  char *name; /* as checkpoints call it */
  guint64 rows, columns;
  gboolean is_vector; /* one dimension in a checkpoint: norms and biases, with rows 1 */
  gboolean is_norm;
  gsize offset;
} WeightTensor;

typedef struct {
  GArray *tensors; /* of WeightTensor, in the order of their offsets */
  GArray *layers;  /* of LayerWeights */
  gsize embedding, final_norm, head;
  gsize elements; /* of the arena */
} WeightLayout;

WeightLayout *weight_layout_new(const Model *model);
void weight_layout_free(WeightLayout *layout);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WeightLayout, weight_layout_free)

typedef struct WeightSource WeightSource;

struct WeightSource {
  const char *name; /* "random", "safetensors" */
  /* `n` of the tensor's rows x columns values, from `first` on. */
  gboolean (*read)(WeightSource *self, const WeightTensor *tensor, guint64 first, gsize n,
                   float *values, GError **error);
  void (*free)(WeightSource *self);
};

static inline gboolean
weight_source_read(WeightSource *source, const WeightTensor *tensor, guint64 first, gsize n,
                   float *values, GError **error)
{
  return source->read(source, tensor, first, n, values, error);
}

static inline void
weight_source_free(WeightSource *source)
{
  if (source != NULL)
    source->free(source);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WeightSource, weight_source_free)

/* Uniform values whose variance is 1 / columns, norms near 1; each is exact in fp16 and in bf16,
 * so that all executors compute with the same weights. */
WeightSource *weights_random_new(guint64 seed);

/* The checkpoint in the folder of a config.json: model.safetensors.index.json with its shards, or
 * else model.safetensors, or the only *.safetensors there is. Every tensor of the layout is checked
 * (name, type, shape, place in its file) before anything is read. NULL without an error if the
 * folder has none. */
WeightSource *weights_safetensors_open(const char *folder, const WeightLayout *layout,
                                       GError **error);

/* Reads all tensors into an arena of layout->elements floats, zero between them; the caller frees.
 * NULL and an error. */
float *weights_load(const WeightLayout *layout, WeightSource *source, GError **error);
