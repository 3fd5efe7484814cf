/* What a calibration measures: families of shapes for the models asked for, with the points that
 * are measured in any case, and those that a full calibration adds. */
#pragma once

#include "bench.h"
#include "family.h"

typedef struct {
  const Model *const *models;
  guint n_models;
  const BenchIdentity *identity;
  gboolean is_quick;
} CalibrationPlanRequest;

/* Families, in the order in which they are reported; of families that several models share one.
 * What cannot be measured of a model is told in `notes` (of char *). The models outlive the plan.
 */
GPtrArray *calibration_plan_new(const CalibrationPlanRequest *request, GPtrArray *notes);

/* Whether the model can be run on the card at all: weights and some room. */
gboolean calibration_plan_fits(const Model *model, const BenchIdentity *identity);
