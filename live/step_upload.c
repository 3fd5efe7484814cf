#include "step_upload.h"

#include <string.h>

StepUpload *
step_upload_new(void)
{
  StepUpload *upload = g_new0(StepUpload, 1);

  upload->bytes = g_byte_array_new();
  return upload;
}

void
step_upload_free(StepUpload *upload)
{
  if (upload == NULL)
    return;
  g_byte_array_unref(upload->bytes);
  g_free(upload);
}

/* Appends `bytes` of `from` and `padding` more of `fill`; returns their place. */
static gsize
append(StepUpload *upload, gconstpointer from, gsize bytes, gsize padding, int fill)
{
  gsize place = (upload->bytes->len + UPLOAD_ALIGN - 1) / UPLOAD_ALIGN * UPLOAD_ALIGN;

  g_byte_array_set_size(upload->bytes, (guint)(place + bytes + padding));
  if (bytes > 0)
    memcpy(upload->bytes->data + place, from, bytes);
  if (padding > 0)
    memset(upload->bytes->data + place + bytes, fill, padding);
  return place;
}

static gsize
append_array(StepUpload *upload, const GArray *array, guint padding, int fill)
{
  gsize element_bytes = g_array_get_element_size((GArray *)array);

  return append(upload, array->data, array->len * element_bytes, padding * element_bytes, fill);
}

void
step_upload_pack(StepUpload *upload, const StepPlan *plan, guint32 rows)
{
  guint padding = rows - step_plan_rows(plan);

  g_byte_array_set_size(upload->bytes, 0);
  upload->rows = rows;
  upload->token_ids = append_array(upload, plan->token_ids, padding, 0);
  upload->positions = append_array(upload, plan->positions, padding, 0);
  upload->slots = append_array(upload, plan->slots, padding, 0xff); /* -1 */
  upload->query_starts = append_array(upload, plan->query_starts, 0, 0);
  upload->context_lens = append_array(upload, plan->context_lens, 0, 0);
  upload->block_tables = append_array(upload, plan->block_tables, 0, 0);
  upload->sample_rows = append_array(upload, plan->sample_rows, 0, 0);
  upload->uniforms = append_array(upload, plan->uniforms, 0, 0);
}

void
step_upload_add_attention(StepUpload *upload, const void *data, gsize num_bytes)
{
  upload->attention_plan = append(upload, data, num_bytes, 0, 0);
}

gsize
step_upload_most_bytes(guint32 rows, guint32 sequences, guint32 blocks_of_a_sequence)
{
  gsize a_row = 2 * sizeof(gint32) + sizeof(gint64);
  gsize a_sequence = (2 + blocks_of_a_sequence) * sizeof(gint32) + sizeof(gint32) + sizeof(float);

  return ((gsize)rows + 8) * a_row + ((gsize)sequences + 1) * a_sequence + 9 * UPLOAD_ALIGN;
}

AttentionBatch
step_upload_batch(const StepUpload *upload, const StepPlan *plan, const void *base)
{
  const char *bytes = base;

  return (AttentionBatch){
      .num_sequences = step_plan_sequences(plan),
      .query_starts = (const int32_t *)(gconstpointer)(bytes + upload->query_starts),
      .context_lens = (const int32_t *)(gconstpointer)(bytes + upload->context_lens),
      .block_tables = (const int32_t *)(gconstpointer)(bytes + upload->block_tables),
      .block_table_stride = plan->block_table_stride,
  };
}

guint32
step_upload_padded_rows(guint32 rows)
{
  if (rows <= 2)
    return rows;
  return rows <= 4 ? 4 : (rows + 7) / 8 * 8;
}
