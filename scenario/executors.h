/* All executors that --executor can name: those of sim/ and those that compute. */
#pragma once

#include "sim/executor.h"

/* NULL-terminated. */
extern const ExecutorClass *const executors[];

/* TRUE for those that compute the model: cpu and gpu. */
gboolean executor_computes(const ExecutorClass *executor);
