/* Measures calls on the GPU, as the header says.
 *
 *     stream   spin ... | wait for beside | begin | calls or a graph of them | end
 *     beside   (after the spin) call | begun | call, call, ... | done
 *
 * The host enqueues all of it while the spin kernel holds the stream, then releases it. A spin also
 * ends by itself, after SPIN_LIMIT_NS of the device's clock, since a call may fill the stream's
 * queue and wait for it to drain, or load a kernel, which waits for those that run. Then the host's
 * time is included, and is_held is false.
 */
#include "kernels/timing.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "kernels/cuda_status.h"
#include "kernels/device.h"

/* The state of a measurement between its samples. */
struct Sampling {
  const TimingRequest *request;
  cudaGraphExec_t graph; /* NULL: calls are made one by one */
  uint32_t calls;
  uint32_t beside_calls;
  bool is_held;
};

struct Timer {
  Sampling sampling;
  cudaStream_t stream, side;
  cudaEvent_t spun, begin, end, side_begun, side_done;
  volatile uint32_t *flags; /* pinned: the last ticket released, and the last that went unheld */
  uint32_t ticket;
  uint32_t turn;
};

namespace
{

constexpr double WARM_UP_NS = 10e6;
constexpr uint32_t WARM_UP_CALLS = 3;
constexpr double SHORT_NS = 20e3;
constexpr double TRAIN_NS = 500e3;
constexpr uint32_t TRAIN_CALLS_MAX = 1000;
constexpr uint64_t SPIN_LIMIT_NS = 20000000;
constexpr uint32_t BESIDE_CALLS_MAX = 1 << 14;
constexpr double BESIDE_LIMIT_NS =
    1e9; /* a sample that takes longer is not tried with more beside */

enum { RELEASED, UNHELD, NUM_FLAGS };

Sampling
new_sampling(const TimingRequest *request)
{
  return {request, NULL, 1, 4, true};
}

__device__ uint64_t
device_clock_ns()
{
  uint64_t now;

  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

__global__ void
spin(volatile uint32_t *flags, uint32_t ticket)
{
  device_wait_for_earlier();
  const uint64_t begin = device_clock_ns();

  while (flags[RELEASED] < ticket)
    if (device_clock_ns() - begin > SPIN_LIMIT_NS) {
      flags[UNHELD] = ticket;
      break;
    }
}

double
host_clock_ns()
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

cudaError_t
hold(Timer *timer)
{
  return device_launch(spin, dim3(1), 1, 0, timer->stream, timer->flags, ++timer->ticket);
}

void
release(Timer *timer)
{
  timer->flags[RELEASED] = timer->ticket;
}

/* Waits for both streams; returns the errors of the work that was enqueued. */
cudaError_t
settle(Timer *timer)
{
  RETURN_IF_FAILED(cudaStreamSynchronize(timer->stream));
  return cudaStreamSynchronize(timer->side);
}

cudaError_t
enqueue_beside(Timer *timer, const Sampling *sampling)
{
  const TimingRequest *request = sampling->request;

  if (request->beside == NULL)
    return cudaSuccess;
  RETURN_IF_FAILED(cudaEventRecord(timer->spun, timer->stream));
  RETURN_IF_FAILED(cudaStreamWaitEvent(timer->side, timer->spun, 0));
  for (uint32_t i = 0; i < sampling->beside_calls; i++) {
    RETURN_IF_FAILED(request->beside(request->beside_data, timer->turn + i, timer->side));
    if (i == 0)
      RETURN_IF_FAILED(cudaEventRecord(timer->side_begun, timer->side));
  }
  RETURN_IF_FAILED(cudaEventRecord(timer->side_done, timer->side));
  return cudaStreamWaitEvent(timer->stream, timer->side_begun, 0);
}

cudaError_t
enqueue_calls(Timer *timer, const Sampling *sampling)
{
  if (sampling->graph != NULL)
    return cudaGraphLaunch(sampling->graph, timer->stream);
  for (uint32_t i = 0; i < sampling->calls; i++)
    RETURN_IF_FAILED(
        sampling->request->call(sampling->request->data, timer->turn++, timer->stream));
  return cudaSuccess;
}

cudaError_t
enqueue_sample(Timer *timer, const Sampling *sampling, double *submit_ns)
{
  double before;

  RETURN_IF_FAILED(enqueue_beside(timer, sampling));
  RETURN_IF_FAILED(cudaEventRecord(timer->begin, timer->stream));
  before = host_clock_ns();
  RETURN_IF_FAILED(enqueue_calls(timer, sampling));
  *submit_ns = (host_clock_ns() - before) / sampling->calls;
  return cudaEventRecord(timer->end, timer->stream);
}

/* One sample by the device's clock: nanoseconds a call. */
cudaError_t
sample_device(Timer *timer, Sampling *sampling, double *sample_ns, double *submit_ns)
{
  float elapsed_ms;
  cudaError_t enqueued;

  if (!sampling->request->is_unheld)
    RETURN_IF_FAILED(hold(timer));
  enqueued = enqueue_sample(timer, sampling, submit_ns);
  release(timer);
  RETURN_IF_FAILED(settle(timer));
  RETURN_IF_FAILED(enqueued);
  RETURN_IF_FAILED(cudaEventElapsedTime(&elapsed_ms, timer->begin, timer->end));
  if (sampling->request->is_unheld || timer->flags[UNHELD] == timer->ticket)
    sampling->is_held = false;
  *sample_ns = (double)elapsed_ms * 1e6 / sampling->calls;
  return cudaSuccess;
}

/* One sample by the host's clock, of calls that wait for the device themselves. */
cudaError_t
sample_host(Timer *timer, Sampling *sampling, double *sample_ns, double *submit_ns)
{
  double before, returned;

  RETURN_IF_FAILED(enqueue_beside(timer, sampling));
  if (sampling->request->beside != NULL)
    RETURN_IF_FAILED(cudaEventSynchronize(timer->side_begun));
  before = host_clock_ns();
  RETURN_IF_FAILED(enqueue_calls(timer, sampling));
  returned = host_clock_ns();
  RETURN_IF_FAILED(cudaEventRecord(timer->end, timer->stream));
  RETURN_IF_FAILED(cudaStreamSynchronize(timer->stream));
  *sample_ns = (host_clock_ns() - before) / sampling->calls;
  *submit_ns = (returned - before) / sampling->calls;
  return settle(timer);
}

/* Calls the request's prepare(), before the stream is held, since it may wait for the stream. */
cudaError_t
prepare_call(Timer *timer, const Sampling *sampling)
{
  const TimingRequest *request = sampling->request;

  return request->prepare != NULL
             ? (cudaError_t)request->prepare(request->data, timer->turn, timer->stream)
             : cudaSuccess;
}

/* Whether what runs beside ended before the calls did. */
cudaError_t
beside_fell_short(Timer *timer, bool *fell_short)
{
  float after_ms;

  RETURN_IF_FAILED(cudaEventElapsedTime(&after_ms, timer->end, timer->side_done));
  *fell_short = after_ms < 0;
  return cudaSuccess;
}

cudaError_t
sample(Timer *timer, Sampling *sampling, double *sample_ns, double *submit_ns)
{
  bool fell_short = false;

  for (;;) {
    const double begin = host_clock_ns();
    RETURN_IF_FAILED(prepare_call(timer, sampling));
    RETURN_IF_FAILED(sampling->request->is_synchronous
                         ? sample_host(timer, sampling, sample_ns, submit_ns)
                         : sample_device(timer, sampling, sample_ns, submit_ns));
    if (sampling->request->beside != NULL)
      RETURN_IF_FAILED(beside_fell_short(timer, &fell_short));
    if (!fell_short || sampling->beside_calls >= BESIDE_CALLS_MAX ||
        host_clock_ns() - begin > BESIDE_LIMIT_NS)
      return fell_short ? cudaErrorTimeout : cudaSuccess;
    sampling->beside_calls *= 2;
  }
}

/* Runs at least WARM_UP_CALLS calls and for WARM_UP_NS; *call_ns: what the last one took. */
cudaError_t
warm_up(Timer *timer, Sampling *sampling, double *call_ns)
{
  const double begin = host_clock_ns();
  double submit_ns;

  for (uint32_t i = 0; i < WARM_UP_CALLS || host_clock_ns() - begin < WARM_UP_NS; i++)
    RETURN_IF_FAILED(sample(timer, sampling, call_ns, &submit_ns));
  return cudaSuccess;
}

cudaError_t
capture_calls(Timer *timer, const Sampling *sampling, cudaGraph_t *graph)
{
  cudaError_t called, captured;

  RETURN_IF_FAILED(cudaStreamBeginCapture(timer->stream, cudaStreamCaptureModeThreadLocal));
  called = enqueue_calls(timer, sampling);
  captured = cudaStreamEndCapture(timer->stream, graph);
  return called != cudaSuccess ? called : captured;
}

/* Makes a graph of the calls; none where they cannot be captured, which is no error. */
void
make_graph(Timer *timer, Sampling *sampling)
{
  cudaGraph_t graph = NULL;

  if (capture_calls(timer, sampling, &graph) != cudaSuccess ||
      cudaGraphInstantiate(&sampling->graph, graph, 0) != cudaSuccess)
    sampling->graph = NULL;
  if (graph != NULL)
    cudaGraphDestroy(graph);
  cudaGetLastError(); /* a capture that failed leaves its error */
}

/* Sets how many calls a sample has: many short ones, else one. */
void
choose_train(Timer *timer, Sampling *sampling, double call_ns)
{
  if (call_ns >= SHORT_NS || sampling->request->is_synchronous || sampling->request->is_unheld)
    return;
  sampling->calls = (uint32_t)fmin(ceil(TRAIN_NS / fmax(call_ns, 1)), TRAIN_CALLS_MAX);
  if (!sampling->request->is_never_graph)
    make_graph(timer, sampling);
}

cudaError_t
sample_by_rule(Timer *timer, Sampling *sampling, const TimingRule *rule, double *samples_ns,
               double *submits_ns, Timing *timing)
{
  const double begin = host_clock_ns();
  size_t count = 0;

  while (!timing_is_enough(rule, samples_ns, count, host_clock_ns() - begin)) {
    RETURN_IF_FAILED(sample(timer, sampling, &samples_ns[count], &submits_ns[count]));
    count++;
  }
  timing_summarise(submits_ns, count, timing);
  timing->submit_ns = timing->median_ns;
  timing_summarise(samples_ns, count, timing);
  timing->calls_per_sample = sampling->calls;
  timing->is_held = sampling->is_held;
  return cudaSuccess;
}

/* The host time to enqueue a single call, where the samples launch graphs. */
cudaError_t
measure_submit(Timer *timer, Sampling *sampling, double *submit_ns)
{
  Sampling alone = new_sampling(sampling->request);
  double samples_ns[WARM_UP_CALLS], submits_ns[WARM_UP_CALLS];
  Timing timing;

  for (uint32_t i = 0; i < WARM_UP_CALLS; i++)
    RETURN_IF_FAILED(sample_device(timer, &alone, &samples_ns[i], &submits_ns[i]));
  timing_summarise(submits_ns, WARM_UP_CALLS, &timing);
  *submit_ns = timing.median_ns;
  return cudaSuccess;
}

cudaError_t
prepare(Timer *timer)
{
  cudaEvent_t *const events[] = {&timer->spun, &timer->begin, &timer->end, &timer->side_begun,
                                 &timer->side_done};
  void *flags;

  RETURN_IF_FAILED(cudaStreamCreateWithFlags(&timer->stream, cudaStreamNonBlocking));
  RETURN_IF_FAILED(cudaStreamCreateWithFlags(&timer->side, cudaStreamNonBlocking));
  for (cudaEvent_t *event : events)
    RETURN_IF_FAILED(cudaEventCreate(event));
  RETURN_IF_FAILED(cudaHostAlloc(&flags, NUM_FLAGS * sizeof *timer->flags, cudaHostAllocMapped));
  timer->flags = (volatile uint32_t *)flags;
  for (int i = 0; i < NUM_FLAGS; i++)
    timer->flags[i] = 0;
  return cudaSuccess;
}

} // namespace

int
timer_new(Timer **timer)
{
  Timer *made = (Timer *)calloc(1, sizeof *made);
  cudaError_t status = made != NULL ? prepare(made) : cudaErrorMemoryAllocation;

  if (status != cudaSuccess) {
    timer_free(made);
    made = NULL;
  }
  *timer = made;
  return status;
}

void
timer_free(Timer *timer)
{
  if (timer == NULL)
    return;
  for (cudaEvent_t event :
       {timer->spun, timer->begin, timer->end, timer->side_begun, timer->side_done})
    if (event != NULL)
      cudaEventDestroy(event);
  for (cudaStream_t stream : {timer->stream, timer->side})
    if (stream != NULL)
      cudaStreamDestroy(stream);
  cudaFreeHost((void *)timer->flags);
  free(timer);
}

struct CUstream_st *
timer_stream(Timer *timer)
{
  return timer->stream;
}

int
timer_begin(Timer *timer, const TimingRequest *request)
{
  double call_ns, submit_ns;

  timer->sampling = new_sampling(request);
  RETURN_IF_FAILED(warm_up(timer, &timer->sampling, &call_ns));
  choose_train(timer, &timer->sampling, call_ns);
  if (timer->sampling.graph != NULL) /* its first launch sends it to the device */
    RETURN_IF_FAILED(sample(timer, &timer->sampling, &call_ns, &submit_ns));
  /* The first calls loaded the kernels. */
  timer->sampling.is_held = !request->is_synchronous && !request->is_unheld;
  return cudaSuccess;
}

int
timer_sample(Timer *timer, double *sample_ns, double *submit_ns)
{
  return sample(timer, &timer->sampling, sample_ns, submit_ns);
}

void
timer_end(Timer *timer)
{
  if (timer->sampling.graph != NULL)
    cudaGraphExecDestroy(timer->sampling.graph);
  timer->sampling.graph = NULL;
}

int
timer_measure(Timer *timer, const TimingRequest *request, Timing *timing)
{
  const TimingRule *rule = request->rule != NULL ? request->rule : &timing_rule_default;
  double *samples_ns = (double *)malloc(2 * (rule->max_samples + 1) * sizeof *samples_ns);
  cudaError_t status = samples_ns != NULL ? cudaSuccess : cudaErrorMemoryAllocation;

  if (status == cudaSuccess)
    status = (cudaError_t)timer_begin(timer, request);
  if (status == cudaSuccess)
    status = sample_by_rule(timer, &timer->sampling, rule, samples_ns,
                            samples_ns + rule->max_samples + 1, timing);
  if (status == cudaSuccess && timer->sampling.graph != NULL)
    status = measure_submit(timer, &timer->sampling, &timing->submit_ns);
  timer_end(timer);
  free(samples_ns);
  return status;
}
