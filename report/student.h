/* Confidence intervals of means over few replicas. */
#pragma once

#include <glib.h>

/* Half the width of a 95 % confidence interval of a mean, in standard errors of that mean: the
 * 0.975 quantile of Student's t distribution with df degrees of freedom. df: replicas less 1, at
 * least 1. */
double student_t95(guint df);
