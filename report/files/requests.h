/* What the writers of requests share. */
#pragma once

#include "sim/observer.h"

/* "finished", "ignored" (the engine dropped it), "aborted" (the run ended before it did). */
const char *request_outcome_name(RequestStatus status);
