/* Confidence intervals of means over few replicas. */
#pragma once

#include <glib.h>

/* Half the width of a 95 % confidence interval of a mean, in standard errors: the quantile 0.975 of
 * Student's t with df degrees of freedom, at least 1. */
double student_t95(guint df);
