/* How long the GPU takes for a call: the one way in which self-check and calibration measure.
 *
 * - Warm up: at least 3 calls and 10 ms.
 * - The stream is held by a spinning kernel while the call is enqueued, so that what is timed is
 *   the device's work and not the host's. Host time is told apart (submit_ns).
 * - What takes less than 20 µs is timed as a graph of many calls, where the call can be captured;
 *   else as a train of them.
 * - Each call gets its turn's number, to rotate through buffers that do not fit into the cache.
 * - Samples are taken until the rule is met. Median, p10 and p90 are of one call.
 *
 * Random data is the caller's business: zeros run faster than anything real.
 */
#pragma once

#include "dtype.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Ends at min_samples and when any of the others holds. */
typedef struct {
  uint32_t min_samples, max_samples;
  double max_ns;             /* of the sampling together */
  double max_relative_error; /* standard error of the median / median */
} TimingRule;

/* 10 samples, and 0.5 % or 30 ms or 200 samples. */
extern const TimingRule timing_rule_default;

typedef struct {
  double median_ns, p10_ns, p90_ns;
  double submit_ns;          /* median host time to enqueue a call */
  uint32_t num_samples;      /* of calls_per_sample calls each */
  uint32_t calls_per_sample; /* more than one: below 20 µs */
  bool is_held; /* the host was done before the device began; else host time is in it */
} Timing;

/* Sorts the samples. */
void timing_summarise(double *samples_ns, size_t num_samples, Timing *timing);
/* Whether enough was sampled; sorts. elapsed_ns: since the first sample began. */
bool timing_is_enough(const TimingRule *rule, double *samples_ns, size_t num_samples,
                      double elapsed_ns);

/* Enqueues the work into the stream; a cudaError_t. */
typedef int (*TimedCall)(void *data, uint32_t turn, struct CUstream_st *stream);

typedef struct {
  TimedCall call;
  void *data;
  /* What runs at the same time in a stream of its own, again and again, from before the call's
   * begin until after its end. NULL: nothing. */
  TimedCall beside;
  void *beside_data;
  /* What the host does before each sample and is no part of it, with the call's data; it may wait
   * for the stream. NULL: nothing. */
  TimedCall prepare;
  /* The call waits for the device before it returns (copies of pageable memory do): the host's
   * clock is read, from the call to the stream's end. */
  bool is_synchronous;
  /* The stream is not held: the device begins while the host still enqueues the call, as it does in
   * a program, and what it waits for the host is in the time. One call at a time. */
  bool is_unheld;
  /* Short calls are timed as a train, never as a graph: of copies and launches, whose cost in a
   * graph is another one. */
  bool is_never_graph;
  const TimingRule *rule; /* NULL: the default */
} TimingRequest;

/* Streams, events and the spinning kernel's flag, of the current device. All return a cudaError_t,
 * the calls' own included; 0 for success. */
typedef struct Timer Timer;

int timer_new(Timer **timer);
void timer_free(Timer *timer);
/* The stream that calls are timed in: never the default one. */
struct CUstream_st *timer_stream(Timer *timer);
int timer_measure(Timer *timer, const TimingRequest *request, Timing *timing);

/* The same by steps, for those who decide themselves how often: warm up; a sample at a time, of one
 * call; the end, which is due after a failure too. The request is read until then. submit_ns of
 * short calls is that of a graph's launch, divided. */
int timer_begin(Timer *timer, const TimingRequest *request);
int timer_sample(Timer *timer, double *sample_ns, double *submit_ns);
void timer_end(Timer *timer);

/* Reads or copies num_bytes, a multiple of 16, as fast as the device's memory goes: the ceilings
 * that kernels are held against. `sink`: 16 bytes of the device that are written, or not. */
int stream_read(const void *memory, size_t num_bytes, void *sink, struct CUstream_st *stream);
int stream_copy(const void *memory, void *copy, size_t num_bytes, struct CUstream_st *stream);
/* A kernel that does nothing: what a launch takes. */
int stream_nothing(struct CUstream_st *stream);

#ifdef __cplusplus
}
#endif
