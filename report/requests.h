/* What the writers of requests share: a result a request, in the workload's order. */
#pragma once

#include "sim/observer.h"

/* One RequestResult a request, as it would be if the run never got to it. Free with g_free(). */
RequestResult *request_results_new(const Workload *workload);

/* "finished", "ignored" (the engine dropped it), "aborted" (the run ended before it did). */
const char *request_outcome_name(RequestStatus status);
