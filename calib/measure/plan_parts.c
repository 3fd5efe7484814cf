#include "plan_parts.h"

#include <string.h>

CalibrationFamily *
plan_family(Plan *plan, CalibrationFamily *family, gboolean *is_new)
{
  for (guint i = 0; i < plan->families->len; i++) {
    CalibrationFamily *other = g_ptr_array_index(plan->families, i);
    if (other->operation == family->operation && other->inner == family->inner &&
        other->outer == family->outer && g_str_equal(other->variant, family->variant) &&
        g_str_equal(other->dtype, family->dtype) &&
        memcmp(other->shape, family->shape, sizeof other->shape) == 0) {
      calibration_family_free(family);
      *is_new = FALSE;
      return other;
    }
  }
  if (operation_is_of_kernels(family->operation) && plan->request->identity->kernels != NULL)
    family->kernels = plan->request->identity->kernels;
  g_ptr_array_add(plan->families, family);
  *is_new = TRUE;
  return family;
}

void
plan_row(CalibrationFamily *family, CalibrationPass pass, gint64 row, const gint64 *values, guint n,
         gint64 most)
{
  CalibrationGroup *group = NULL;
  gint64 last = -1;

  for (guint i = 0; i < n && last < most; i++) {
    CalibrationPoint point;
    last = MIN(values[i], most);
    point = calibration_family_point(family, last, row);
    if (group == NULL)
      group = calibration_family_add_group(family, pass, family->outer != NO_AXIS);
    calibration_group_add(group, point.variant, point.shape);
  }
}

const char *
plan_weight_dtype(const Model *model)
{
  if (model->weight_bits == 16)
    return "bfloat16";
  return g_str_equal(model->dtype, "fp8") ? "fp8" : NULL;
}
