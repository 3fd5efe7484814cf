/* The timer's interface without time: each call is made for two turns, with what runs beside it,
 * and is said to take a millisecond. */
#include "cuda_runtime_api.h"

#include "kernels/timing.h"

namespace
{

const cudaStream_t stream = (cudaStream_t)(uintptr_t)2;
char something;

enum { TURN = 1 };

} // namespace

int
timer_new(Timer **timer)
{
  *timer = (Timer *)(void *)&something;
  return 0;
}

void
timer_free(Timer *)
{
}

CUstream_st *
timer_stream(Timer *)
{
  return stream;
}

int
timer_measure(Timer *, const TimingRequest *request, Timing *timing)
{
  int status = 0;

  if (request->beside != nullptr)
    status = request->beside(request->beside_data, TURN, stream);
  if (status == 0)
    status = request->call(request->data, TURN, stream);
  *timing = {1e6, 0.9e6, 1.1e6, 1e3, 10, 1, true};
  return status;
}
