/* Rows of LLMServingSim's tables: making a sample of one, counting it as left out. */
#include "llmservingsim.h"

#include <string.h>

ProfileSample
llmservingsim_sample(const LlmServingSim *reader, OperationKind kind, const char *variant,
                     const char *dtype, const gint64 *shape, double time_us)
{
  ProfileSample sample = {
      .operation = (guint8)kind,
      .origin = reader->origin,
      .count = reader->count,
      .variant = variant,
      .dtype = dtype,
      .kernel = "",
      .median_ns = time_us * NS_PER_US,
  };

  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  return sample;
}

void
llmservingsim_leave_out(LlmServingSim *reader, const char *what)
{
  guint rows = GPOINTER_TO_UINT(g_hash_table_lookup(reader->left_out, what));

  g_hash_table_insert(reader->left_out, g_strdup(what), GUINT_TO_POINTER(rows + 1));
}

void
llmservingsim_leave_out_layer(LlmServingSim *reader, const char *layer)
{
  g_autofree char *what =
      g_strdup_printf("the layer %s, which is no operation that is known", layer);

  llmservingsim_leave_out(reader, what);
}
