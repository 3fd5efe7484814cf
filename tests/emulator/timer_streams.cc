#include "tests/emulator/timer_streams.h"

struct Timer {
  cudaStream_t stream, beside;
};

int
timer_new(Timer **timer)
{
  *timer = new Timer();
  cudaStreamCreateWithFlags(&(*timer)->stream, cudaStreamNonBlocking);
  return cudaStreamCreateWithFlags(&(*timer)->beside, cudaStreamNonBlocking);
}

void
timer_free(Timer *timer)
{
  if (timer == nullptr)
    return;
  cudaStreamDestroy(timer->stream);
  cudaStreamDestroy(timer->beside);
  delete timer;
}

CUstream_st *
timer_stream(Timer *timer)
{
  return timer->stream;
}

int
emulator::timer_turn(Timer *timer, const TimingRequest *request, uint32_t turn)
{
  int status = 0;

  if (request->prepare != nullptr)
    status = request->prepare(request->data, turn, timer->stream);
  if (status == 0 && request->beside != nullptr)
    status = request->beside(request->beside_data, turn, timer->beside);
  if (status == 0)
    status = request->call(request->data, turn, timer->stream);
  return status == 0 ? cudaDeviceSynchronize() : status;
}
