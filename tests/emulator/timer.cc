/* The timer's interface without time: each call is made for two turns, with what runs beside it,
 * and is said to take a millisecond. */
#include "cuda_runtime_api.h"

#include "kernels/timing.h"

namespace
{

cudaStream_t stream;

enum { TURN = 1 };

} // namespace

int
timer_new(Timer **timer)
{
  *timer = (Timer *)(void *)&stream;
  return stream != nullptr ? 0 : cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
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
  if (status == 0)
    status = cudaStreamSynchronize(stream);
  *timing = {1e6, 0.9e6, 1.1e6, 1e3, 10, 1, true};
  return status;
}
