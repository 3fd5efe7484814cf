/* The requests of a run (--requests) as CSV, a row each, in the workload's order.
 *
 * The file is made when it is opened, so that a bad path is told before the run, and written as the
 * run goes. Times are exact; a cell is empty where there is none. status: finished, ignored
 * (the engine dropped it), aborted (the run ended before it did). output_tokens: those that it got.
 */
#pragma once

#include "sim/observer.h"

typedef struct RequestsCsv RequestsCsv;

RequestsCsv *requests_csv_open(const char *path, const Workload *workload, GError **error);
Observer *requests_csv_observer(RequestsCsv *csv);
gboolean requests_csv_close(RequestsCsv *csv, GError **error);
void requests_csv_free(RequestsCsv *csv);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RequestsCsv, requests_csv_free)
