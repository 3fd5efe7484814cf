/* The memory of a decoder on the GPU besides weights and the KV pool: activations, the rotary
 * table, a step's inputs and attention's workspace, each as large as any step can need.
 */
#pragma once

#include "decoder_pass.h"
#include "budget.h"

/* The largest plan that fits the buffers. */
typedef struct {
  guint32 rows, sequences;
  guint32 blocks_of_a_sequence;
  gsize attention_bytes, upload_bytes, workspace_bytes;
} DecoderRoom;

/* The element type of the model's weights, activations and KV. */
Dtype decoder_dtype(const Model *model);

/* The room for every plan within the setup's limits, padded decodes included. */
DecoderRoom decoder_room(const DeviceSetup *setup, const KvGeometry *geometry,
                         const AttentionDevice *device);
void decoder_memory_add_needs(const DeviceSetup *setup, const DecoderRoom *room, Budget *budget);

/* Sets all of `memory` except weights, pool and gemm, which the caller sets. On FALSE call
 * decoder_memory_free() all the same. */
gboolean decoder_memory_allocate(DecoderMemory *memory, const DeviceSetup *setup,
                                 const KvGeometry *geometry, const DecoderRoom *room,
                                 GError **error);
void decoder_memory_free(DecoderMemory *memory);
