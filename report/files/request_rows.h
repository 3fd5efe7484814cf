/* The results of a run's requests as rows in the workload's order, handed on as the run goes.
 *
 * Requests end in any order; a row waits until all before it have ended, so memory holds only the
 * rows behind the oldest request that runs, not the whole trace.
 */
#pragma once

#include "sim/observer.h"

typedef struct RequestRows RequestRows;

typedef void (*RequestRow)(gpointer user_data, const RequestResult *result);

/* `workload` outlives it. */
RequestRows *request_rows_new(const Workload *workload, RequestRow row, gpointer user_data);
void request_rows_free(RequestRows *rows);
/* Each request once, in any order. */
void request_rows_tell(RequestRows *rows, const RequestResult *result);
/* Hands on the rest; those that were never told as they would be if the run never got to them. */
void request_rows_finish(RequestRows *rows);
