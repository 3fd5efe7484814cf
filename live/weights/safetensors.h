/* One safetensors file: 8 bytes with the length of a JSON header (little-endian), the header, the
 * tensors' bytes. Its tensors are looked up by name and read piece by piece.
 *
 * The header maps a name to its type, shape and place; it is checked whole when the file is opened:
 * every tensor lies within the file, and its bytes are those of its shape and type.
 */
#pragma once

#include <glib.h>

typedef struct Safetensors Safetensors;

typedef enum { TENSOR_F32, TENSOR_F16, TENSOR_BF16, TENSOR_OTHER } TensorType;

typedef struct {
  TensorType type;
  char *type_name;    /* as the file has it */
  guint dimensions;   /* may be more than 2 */
  guint64 shape[2];   /* the first two; 1 where there is none */
  guint64 first_byte; /* in the file */
  guint64 num_bytes;
} SafetensorsTensor;

Safetensors *safetensors_open(const char *path, GError **error);
void safetensors_free(Safetensors *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Safetensors, safetensors_free)

const char *safetensors_path(const Safetensors *file);
/* NULL if there is none of that name. */
const SafetensorsTensor *safetensors_find(const Safetensors *file, const char *name);
/* Reads `n` values from value `first` on, as floats. `tensor` is of this file and not of
 * TENSOR_OTHER; the range is within it. Several threads may read at the same time. */
gboolean safetensors_read(const Safetensors *file, const SafetensorsTensor *tensor, guint64 first,
                          gsize n, float *values, GError **error);
