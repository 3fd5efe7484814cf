#include "executors.h"

#include "live/executor_live.h"
#include "sim/executor_replay.h"

const ExecutorClass *const executors[] = {
    &executor_model, &executor_unit, &executor_replay, &executor_cpu, &executor_gpu, NULL,
};

gboolean
executor_computes(const ExecutorClass *executor)
{
  return executor == &executor_cpu || executor == &executor_gpu;
}
