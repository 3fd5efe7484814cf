/* What the files of the plan share. Internal to them. */
#pragma once

#include "plan.h"

typedef struct {
  const CalibrationPlanRequest *request;
  GPtrArray *families;
  GPtrArray *notes; /* of char * */
} Plan;

/* Takes the family, or frees it where the plan has one like it. The one in the plan. */
CalibrationFamily *plan_family(Plan *plan, CalibrationFamily *family, gboolean *is_new);
/* A row of points: `values` (ascending) up to `most`, which is the last where one is beyond. */
void plan_row(CalibrationFamily *family, CalibrationPass pass, gint64 row, const gint64 *values,
              guint n, gint64 most);

/* What products of a model's weights are measured in. NULL: they are not (scales a block, whole
 * numbers). */
const char *plan_weight_dtype(const Model *model);

void plan_attention(Plan *plan, const Model *model);
void plan_copies(Plan *plan);
void plan_ceilings(Plan *plan);
void plan_steps(Plan *plan, const Model *model);
