/* cuda_live.h. */
#include "cuda_runtime_api.h"

namespace
{

char something;

} // namespace

cudaError_t
cudaEventCreate(cudaEvent_t *event)
{
  *event = (cudaEvent_t)(void *)&something;
  return cudaSuccess;
}

cudaError_t
cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
  return cudaEventCreate(event);
}

cudaError_t
cudaEventDestroy(cudaEvent_t)
{
  return cudaSuccess;
}

cudaError_t
cudaEventRecord(cudaEvent_t, cudaStream_t)
{
  return cudaSuccess;
}

cudaError_t
cudaEventElapsedTime(float *ms, cudaEvent_t, cudaEvent_t)
{
  *ms = 0;
  return cudaSuccess;
}

cudaError_t
cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned)
{
  return cudaSuccess;
}

cudaError_t
cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode)
{
  return cudaErrorNotSupported;
}

cudaError_t
cudaStreamEndCapture(cudaStream_t, cudaGraph_t *)
{
  return cudaErrorNotSupported;
}

cudaError_t
cudaGraphInstantiate(cudaGraphExec_t *, cudaGraph_t, unsigned long long)
{
  return cudaErrorNotSupported;
}

cudaError_t
cudaGraphLaunch(cudaGraphExec_t, cudaStream_t)
{
  return cudaErrorNotSupported;
}

cudaError_t
cudaGraphDestroy(cudaGraph_t)
{
  return cudaErrorNotSupported;
}

cudaError_t
cudaGraphExecDestroy(cudaGraphExec_t)
{
  return cudaErrorNotSupported;
}
