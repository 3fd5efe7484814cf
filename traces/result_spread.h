/* The spread of one metric in a benchmark's result: its mean and percentiles, and whether they can
 * be of the same values. And what the rules over results (result_doubts.c) share with that.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#define RESULT_MIN_TO_JUDGE 20 /* requests: of fewer one, or the run's end, is too much */
#define RESULT_SLACK 1e-6      /* of figures that were rounded */

/* Appends a sentence to `doubts` (of char *); `format` as printf's. */
void result_doubt(GPtrArray *doubts, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* json["a"]["b"]… of the path "a.b…"; NAN where a step is missing, or it is no number. */
double result_number(const json_t *json, const char *path);
/* a, or b where a is NAN. */
double result_first_number(double a, double b);

/* Doubts {"mean" or "avg": …, "min", "p50", "p99" …, "max", "percentiles": {"p50" …}}. At most one
 * sentence a metric, as what comes after the first mostly follows from it. requests: how many
 * values there are; NAN: not known. An object without a mean is not judged. */
void result_spread_check(const char *name, const json_t *metric, double requests,
                         GPtrArray *doubts);
/* The same of "mean_METRIC_ms", "median_METRIC_ms", "p99_METRIC_ms" … beside each other. */
void result_spread_check_members(const char *metric, const json_t *object, double requests,
                                 GPtrArray *doubts);
