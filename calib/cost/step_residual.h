/* What whole steps were measured to take beyond, or short of, the sum of their operations: gaps
 * between kernels, launches that the host is late with, caches that stay warm.
 */
#pragma once

#include "calib/profile.h"
#include "sim/cost.h"
#include "sim/model.h"

typedef struct StepResidual StepResidual;

/* The sum of a step's measured operations, in picoseconds. */
typedef double (*StepSum)(gpointer data, const CostShape *shape);

/* Those that compute prefills, or none; where there are no such, all. */
typedef enum { STEPS_ALL, STEPS_OF_DECODES, STEPS_OF_CHUNKS } StepsOf;

/* From the model's steps in the profile, of the variant graph or eager; NULL if there are none.
 * `sum` is called only during this call. */
StepResidual *step_residual_new(const Profile *profile, const Model *model, const char *variant,
                                StepsOf of, StepSum sum, gpointer data);
void step_residual_free(StepResidual *residual);

/* For a step of so many tokens; below the measured ones that of the nearest, beyond them that of
 * the largest times the ratio of tokens, *inside FALSE. May be negative. */
double step_residual_ps(const StepResidual *residual, guint64 tokens, gboolean *inside);
