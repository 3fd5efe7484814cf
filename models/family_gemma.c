/* Google's Gemma: tied tables, heads wider than their share of the hidden width, and from the
 * second on two more norms a layer and windows in most of them. */
#include "family.h"

static gboolean
read_gemma(FamilyReader *f)
{
  return family_read_frame(f) && family_read_width(f) &&
         family_add_dense_layers(f, 2 * (guint64)f->model->hidden);
}

const Family families_gemma[] = {
    {"gemma", read_gemma, TRUE},
    {NULL, NULL, FALSE},
};
