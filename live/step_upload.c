#include "step_upload.h"

#include <string.h>

/* Appends `bytes` of `from` and `padding` more of `fill`; returns their place. */
static gsize
append(StepUpload *upload, gconstpointer from, gsize bytes, gsize padding, int fill)
{
  gsize place = (upload->used_bytes + UPLOAD_ALIGN - 1) / UPLOAD_ALIGN * UPLOAD_ALIGN;

  upload->used_bytes = place + bytes + padding;
  if (upload->used_bytes > upload->room_bytes)
    return place;
  if (bytes > 0)
    memcpy(upload->memory + place, from, bytes);
  if (padding > 0)
    memset(upload->memory + place + bytes, fill, padding);
  return place;
}

/* Padded to `elements`; 0: not at all. */
static gsize
append_array(StepUpload *upload, const GArray *array, guint elements, int fill)
{
  gsize element_bytes = g_array_get_element_size((GArray *)array);
  guint padding = elements > array->len ? elements - array->len : 0;

  return append(upload, array->data, array->len * element_bytes, padding * element_bytes, fill);
}

gboolean
step_upload_pack(StepUpload *upload, const StepPlan *plan, guint32 padded,
                 gconstpointer attention_plan, gsize attention_bytes)
{
  upload->used_bytes = 0;
  upload->rows = MAX(step_plan_rows(plan), padded);
  upload->sequences = MAX(step_plan_sequences(plan), padded);
  upload->samples = MAX(plan->sample_rows->len, padded);
  upload->token_ids = append_array(upload, plan->token_ids, padded, 0);
  upload->positions = append_array(upload, plan->positions, padded, 0);
  upload->slots = append_array(upload, plan->slots, padded, 0xff); /* -1 */
  upload->query_starts = append_array(upload, plan->query_starts, padded > 0 ? padded + 1 : 0, 0);
  upload->context_lens = append_array(upload, plan->context_lens, padded, 0);
  upload->sample_rows = append_array(upload, plan->sample_rows, padded, 0);
  upload->uniforms = append_array(upload, plan->uniforms, padded, 0);
  upload->block_table_stride = append(upload, &plan->block_table_stride, sizeof(guint32), 0, 0);
  upload->attention_plan = append(upload, attention_plan, attention_bytes, 0, 0);
  upload->block_tables = append_array(upload, plan->block_tables, 0, 0);
  return upload->used_bytes <= upload->room_bytes;
}

gsize
step_upload_most_bytes(guint32 rows, guint32 sequences, guint32 blocks_of_a_sequence,
                       gsize attention_bytes)
{
  gsize a_row = 2 * sizeof(gint32) + sizeof(gint64);
  gsize a_sequence = (2 + (gsize)blocks_of_a_sequence) * sizeof(gint32);
  gsize a_sample = sizeof(gint32) + sizeof(float);

  return rows * a_row + ((gsize)sequences + 1) * (a_sequence + a_sample) + attention_bytes +
         10 * UPLOAD_ALIGN;
}

AttentionBatch
step_upload_batch(const StepUpload *upload, const StepPlan *plan, const void *base)
{
  const char *bytes = base;

  return (AttentionBatch){
      .num_sequences = upload->sequences,
      .query_starts = (const int32_t *)(gconstpointer)(bytes + upload->query_starts),
      .context_lens = (const int32_t *)(gconstpointer)(bytes + upload->context_lens),
      .block_tables = (const int32_t *)(gconstpointer)(bytes + upload->block_tables),
      .block_table_stride = plan->block_table_stride,
      .block_table_stride_place =
          (const uint32_t *)(gconstpointer)(bytes + upload->block_table_stride),
  };
}
