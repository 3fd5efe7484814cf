/* How long the GPU takes for a call, as the self-check and the calibration measure it.
 *
 * - Warm up: at least 3 calls and 10 ms.
 * - A spinning kernel holds the stream while the call is enqueued, so that only the device's work
 * is timed. Host time is measured separately (submit_ns).
 * - A call that takes less than 20 µs is timed as a graph of many calls, where it can be captured,
 *   else as many calls in a row.
 * - Each call gets a turn number, to rotate through buffers that do not fit the cache.
 * - Samples are taken until the rule is met. Median, p10 and p90 are of one call.
 *
 * The caller provides random data: zeros run faster.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Sampling ends when there are min_samples and one of the other limits is reached. */
typedef struct {
  uint32_t min_samples, max_samples;
  double max_ns;             /* of the sampling together */
  double max_relative_error; /* standard error of the median / median */
} TimingRule;

/* At least 10 samples; until 0.5 %, 30 ms or 200 samples. */
extern const TimingRule timing_rule_default;

typedef struct {
  double median_ns, p10_ns, p90_ns;
  double submit_ns;          /* median host time to enqueue a call */
  uint32_t num_samples;      /* of calls_per_sample calls each */
  uint32_t calls_per_sample; /* more than one: below 20 µs */
  bool is_held; /* the host was done before the device began; false: host time is included */
} Timing;

/* Sorts the samples. */
void timing_summarise(double *samples_ns, size_t num_samples, Timing *timing);
/* Whether there are enough samples; sorts them. elapsed_ns: since the first sample began. */
bool timing_is_enough(const TimingRule *rule, double *samples_ns, size_t num_samples,
                      double elapsed_ns);

/* Enqueues the work into the stream; a cudaError_t. */
typedef int (*TimedCall)(void *data, uint32_t turn, struct CUstream_st *stream);

typedef struct {
  TimedCall call;
  void *data;
  /* Runs at the same time in a stream of its own, again and again, from before the call's begin
   * until after its end. NULL: nothing. */
  TimedCall beside;
  void *beside_data;
  /* Called on the host before each sample, with the call's data, and not timed; it may wait for the
   * stream. NULL: nothing. */
  TimedCall prepare;
  /* The call waits for the device before it returns (copies of pageable memory do): it is timed by
   * the host's clock, from the call to the stream's end. */
  bool is_synchronous;
  /* The stream is not held: the device begins while the host still enqueues the call, as in a
   * program, and its waits for the host are in the time. One call at a time. */
  bool is_unheld;
  /* Short calls are timed in a row, never as a graph: for copies and launches, whose cost differs
   * in a graph. */
  bool is_never_graph;
  const TimingRule *rule; /* NULL: the default */
} TimingRequest;

/* Streams, events and the spinning kernel's flags, of the current device. The functions return a
 * cudaError_t, their own or the call's; 0 for success. */
typedef struct Timer Timer;

int timer_new(Timer **timer);
void timer_free(Timer *timer);
/* The stream that calls are timed in: never the default one. */
struct CUstream_st *timer_stream(Timer *timer);
int timer_measure(Timer *timer, const TimingRequest *request, Timing *timing);

/* The same step by step, where the caller decides how many samples to take: timer_begin() warms up,
 * timer_sample() gives the time of one call, timer_end() ends, after a failure too. The request
 * must stay until then. submit_ns of a short call is its share of a graph's launch. */
int timer_begin(Timer *timer, const TimingRequest *request);
int timer_sample(Timer *timer, double *sample_ns, double *submit_ns);
void timer_end(Timer *timer);

/* Reads or copies num_bytes, a multiple of 16, as fast as the device's memory allows: the ceilings
 * that kernels are compared with. sink: 16 bytes on the device, which may be written. */
int stream_read(const void *memory, size_t num_bytes, void *sink, struct CUstream_st *stream);
int stream_copy(const void *memory, void *copy, size_t num_bytes, struct CUstream_st *stream);
/* Launches a kernel that does nothing. */
int stream_nothing(struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
