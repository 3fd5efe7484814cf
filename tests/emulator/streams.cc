#include "tests/emulator/streams.h"

#include "tests/emulator/emulator.h"
#include "tests/emulator/faults.h"

#include <deque>
#include <memory>
#include <vector>

namespace
{

typedef std::function<void()> Work;

/* An event is done up to a record; a wait is for the last record before it. */
struct EventState {
  uint64_t recorded, done;
  uint64_t done_us;
};

struct Operation {
  Work work;                         /* or else */
  std::shared_ptr<EventState> event; /* to record, or to wait for */
  uint64_t record;
  bool waits;
};

} // namespace

struct CUevent_st {
  std::shared_ptr<EventState> state;
};

struct CUgraph_st {
  std::vector<Work> works;
};

struct CUgraphExec_st {
  std::shared_ptr<std::vector<Work>> works;
};

struct CUstream_st {
  std::deque<Operation> queue;
  CUgraph_st *captured; /* while it captures */
  bool spoiled;
};

namespace
{

/* How operations go on that nobody waits for. */
enum Pace { AT_ONCE, LATE, BETWEEN, PACES };

struct {
  std::vector<cudaStream_t> streams;
  uint64_t random = 1;
  uint64_t clock_us;
  Pace pace = BETWEEN;
  size_t ahead; /* index of the stream that goes first where it can */
  bool is_alone; /* what is waited for goes on before anything else does */
  cudaError_t lost_with, last_error;
  unsigned long left = ~0ul; /* operations until the device is lost */
  unsigned long operations, graph_launches;
} machine;

bool
is_default(cudaStream_t stream)
{
  return stream == nullptr || stream == cudaStreamLegacy;
}

/* Of the default stream, what calls leave there that do not wait. */
cudaStream_t
default_stream(void)
{
  static cudaStream_t stream;

  if (stream == nullptr) {
    stream = new CUstream_st();
    machine.streams.push_back(stream);
  }
  return stream;
}

bool
can_go_on(const CUstream_st *stream)
{
  if (stream->queue.empty())
    return false;
  const Operation &next = stream->queue.front();
  return !next.waits || next.event->done >= next.record;
}

void
go_on(cudaStream_t stream)
{
  const Operation next = stream->queue.front();

  stream->queue.pop_front();
  if (machine.left == 0)
    return; /* the device is lost: nothing is done any more */
  machine.left--;
  machine.operations++;
  machine.clock_us++;
  if (next.work) {
    next.work();
  } else if (!next.waits && next.event->done < next.record) {
    next.event->done = next.record;
    next.event->done_us = machine.clock_us;
  }
}

/* One operation of some stream. FALSE if none can go on. */
bool
go_on_somewhere(void)
{
  const size_t n = machine.streams.size();
  const bool any = emulator::draw_of_streams() % 4 == 0;

  if (n == 0)
    return false;
  const size_t first = (any ? (size_t)emulator::draw_of_streams() : machine.ahead) % n;
  for (size_t i = 0; i < n; i++) {
    cudaStream_t stream = machine.streams[(first + i) % n];
    if (can_go_on(stream)) {
      go_on(stream);
      return true;
    }
  }
  return false;
}

void
draw_pace(void)
{
  machine.pace = (Pace)(emulator::draw_of_streams() % PACES);
  machine.ahead = (size_t)emulator::draw_of_streams();
  machine.is_alone = emulator::draw_of_streams() % 2 == 0;
}

/* What happens to be done while the host goes on. */
void
stir(void)
{
  if (machine.pace == AT_ONCE) {
    while (go_on_somewhere()) {
    }
  } else if (machine.pace == BETWEEN) {
    for (uint64_t n = emulator::draw_of_streams() % 3; n > 0 && go_on_somewhere(); n--) {
    }
  }
}

cudaError_t
add(cudaStream_t stream, const Operation &operation)
{
  if (emulator::device_status() != cudaSuccess)
    return emulator::device_status();
  stream->queue.push_back(operation);
  stir();
  return cudaSuccess;
}

} // namespace

namespace emulator
{

uint64_t
draw_of_streams(void)
{
  machine.random = machine.random * 6364136223846793005u + 1442695040888963407u;
  return machine.random >> 33;
}

cudaError_t
device_status(void)
{
  return machine.left == 0 ? machine.lost_with : cudaSuccess;
}

bool
is_capturing(cudaStream_t stream)
{
  return !is_default(stream) && stream->captured != nullptr;
}

cudaError_t
check_not_capturing(void)
{
  cudaError_t status = device_status();

  for (cudaStream_t stream : machine.streams)
    if (stream->captured != nullptr) {
      stream->spoiled = true;
      status = cudaErrorStreamCaptureUnsupported;
    }
  return status;
}

cudaError_t
enqueue(cudaStream_t stream, const std::function<void()> &work)
{
  if (is_default(stream)) {
    const cudaError_t status = wait_for_stream(stream);
    if (status == cudaSuccess)
      work();
    return status;
  }
  if (is_capturing(stream)) {
    stream->captured->works.push_back(work);
    return cudaSuccess;
  }
  return add(stream, {work, nullptr, 0, false});
}

cudaError_t
enqueue_default(const std::function<void()> &work)
{
  const cudaError_t status = check_not_capturing();

  return status != cudaSuccess ? status : add(default_stream(), {work, nullptr, 0, false});
}

cudaError_t
wait_for_stream(cudaStream_t stream)
{
  cudaError_t status = check_not_capturing();

  if (is_default(stream))
    stream = default_stream();
  while (status == cudaSuccess && !stream->queue.empty())
    if (machine.is_alone && can_go_on(stream))
      go_on(stream);
    else if (!go_on_somewhere())
      fail("streams wait for each other for ever");
  draw_pace();
  return status != cudaSuccess ? status : device_status();
}

cudaError_t
wait_for_all(void)
{
  cudaError_t status = cudaSuccess;

  for (size_t i = 0; i < machine.streams.size() && status == cudaSuccess; i++)
    status = wait_for_stream(machine.streams[i]);
  return status;
}

} // namespace emulator

void
emulator_lose_device(cudaError_t status, unsigned long operations)
{
  machine.lost_with = status;
  machine.left = status == cudaSuccess ? ~0ul : operations;
}

unsigned long
emulator_operations(void)
{
  return machine.operations;
}

unsigned long
emulator_graph_launches(void)
{
  return machine.graph_launches;
}

void
emulator_set_seed(uint64_t seed)
{
  machine.random = seed;
  draw_pace();
}

cudaError_t
cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned)
{
  *stream = new CUstream_st();
  machine.streams.push_back(*stream);
  return emulator::device_status();
}

/* What is enqueued is still done. */
cudaError_t
cudaStreamDestroy(cudaStream_t stream)
{
  emulator::wait_for_stream(stream);
  for (size_t i = 0; i < machine.streams.size(); i++)
    if (machine.streams[i] == stream)
      machine.streams.erase(machine.streams.begin() + (ptrdiff_t)i);
  delete stream;
  return emulator::device_status();
}

cudaError_t
cudaStreamSynchronize(cudaStream_t stream)
{
  return emulator::wait_for_stream(stream);
}

cudaError_t
cudaDeviceSynchronize(void)
{
  return emulator::wait_for_all();
}

cudaError_t
cudaEventCreate(cudaEvent_t *event)
{
  *event = new CUevent_st{std::make_shared<EventState>()};
  return emulator::device_status();
}

cudaError_t
cudaEventCreateWithFlags(cudaEvent_t *event, unsigned)
{
  return cudaEventCreate(event);
}

cudaError_t
cudaEventDestroy(cudaEvent_t event)
{
  delete event;
  return emulator::device_status();
}

/* A record in a capture is no record that times could be taken of. */
cudaError_t
cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
  if (is_default(stream))
    return cudaErrorInvalidValue;
  if (emulator::is_capturing(stream)) /* a place in the graph, which nothing here waits for */
    return cudaSuccess;
  return add(stream, {nullptr, event->state, ++event->state->recorded, false});
}

cudaError_t
cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned)
{
  if (is_default(stream) || emulator::is_capturing(stream))
    return cudaErrorInvalidValue;
  return add(stream, {nullptr, event->state, event->state->recorded, true});
}

/* That it is not ready yet is left for cudaGetLastError(), as the runtime does. */
cudaError_t
cudaEventQuery(cudaEvent_t event)
{
  if (emulator::device_status() != cudaSuccess)
    return emulator::device_status();
  stir();
  if (event->state->done >= event->state->recorded)
    return emulator::device_status();
  machine.last_error = cudaErrorNotReady;
  return cudaErrorNotReady;
}

cudaError_t
cudaEventSynchronize(cudaEvent_t event)
{
  while (emulator::device_status() == cudaSuccess && event->state->done < event->state->recorded)
    if (!go_on_somewhere())
      emulator::fail("an event is waited for for ever");
  draw_pace();
  return emulator::device_status();
}

cudaError_t
cudaGetLastError(void)
{
  const cudaError_t status = machine.last_error;

  machine.last_error = cudaSuccess;
  return status;
}

cudaError_t
cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
  if (from->state->recorded == 0 || to->state->recorded == 0)
    return cudaErrorInvalidValue;
  if (from->state->done < from->state->recorded || to->state->done < to->state->recorded)
    return cudaErrorNotReady;
  *ms = ((float)to->state->done_us - (float)from->state->done_us) / 1000;
  return emulator::device_status();
}

cudaError_t
cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode)
{
  if (is_default(stream) || stream->captured != nullptr)
    return cudaErrorInvalidValue;
  stream->captured = new CUgraph_st();
  stream->spoiled = false;
  return emulator::device_status();
}

cudaError_t
cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
  *graph = nullptr;
  if (!emulator::is_capturing(stream))
    return cudaErrorInvalidValue;
  *graph = stream->captured;
  stream->captured = nullptr;
  if (!stream->spoiled)
    return emulator::device_status();
  delete *graph;
  *graph = nullptr;
  return cudaErrorStreamCaptureInvalidated;
}

cudaError_t
cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
  *exec = new CUgraphExec_st{std::make_shared<std::vector<Work>>(graph->works)};
  return emulator::device_status();
}

cudaError_t
cudaGraphUpload(cudaGraphExec_t, cudaStream_t)
{
  return emulator::device_status();
}

cudaError_t
cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
  if (is_default(stream) || emulator::is_capturing(stream))
    return cudaErrorInvalidValue;
  machine.graph_launches++;
  for (const Work &work : *exec->works) {
    const cudaError_t status = add(stream, {work, nullptr, 0, false});
    if (status != cudaSuccess)
      return status;
  }
  return cudaSuccess;
}

cudaError_t
cudaGraphDestroy(cudaGraph_t graph)
{
  delete graph;
  return emulator::device_status();
}

cudaError_t
cudaGraphExecDestroy(cudaGraphExec_t exec)
{
  delete exec;
  return emulator::device_status();
}
