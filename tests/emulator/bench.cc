/* For the calibration, in place of gemm.cc and timer.cc: products that touch all that a product
 * touches, and compute nothing; and a timer whose clock counts work, so that a calibration ends
 * soon and always alike.
 */
#include "tests/emulator/card.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/gemm.h"
#include "tests/emulator/streams.h"
#include "tests/emulator/timer_streams.h"

namespace
{

char something;

enum { QUEUE_COPIES = 1024 };
constexpr double CALL_NS = 1000;
/* Buffers are rotated through up to 64 sets. */
constexpr uint32_t TURNS[] = {63, 0, 1, 2};

volatile unsigned sum; /* of what is read, which is why it is read */

void
touch(const void *memory, size_t num_bytes)
{
  const unsigned char *bytes = (const unsigned char *)memory;

  for (size_t i = 0; i < num_bytes; i += 64)
    sum = sum + bytes[i];
  sum = sum + bytes[num_bytes - 1];
}

} // namespace

int
gemm_new(Gemm **gemm)
{
  *gemm = (Gemm *)(void *)&something;
  return 0;
}

void
gemm_free(Gemm *)
{
}

bool
gemm_has_fp8(const Gemm *)
{
  return emulated_card.capability >= 89;
}

static void
multiply(const GemmProblem &problem)
{
  const size_t in_bytes = problem.dtype == DTYPE_FP8_E4M3 ? 1 : 2;

  touch(problem.in, problem.m * problem.k * in_bytes);
  touch(problem.weights, problem.n * problem.k * in_bytes);
  memset(problem.out, 0x2c, problem.m * problem.n * 2);
  emulated_launched(problem.m * problem.n);
}

int
gemm_run(Gemm *, const GemmProblem *problem, CUstream_st *stream)
{
  const GemmProblem held = *problem;

  return emulator::enqueue(stream, [held] { multiply(held); });
}

int
gemm_choices(Gemm *, const GemmProblem *, GemmChoice choices[GEMM_CHOICES_MAX], size_t *num_choices)
{
  memset(&choices[0], 0, sizeof choices[0]);
  choices[0].algorithm[1] = 0xa190;
  *num_choices = 1;
  return 0;
}

const char *
gemm_status_name(int status)
{
  return cudaGetErrorName((cudaError_t)status);
}

int
timer_measure(Timer *timer, const TimingRequest *request, Timing *timing)
{
  const double before_ns = emulated_work_ns();
  const uint64_t before_copies = emulated_copies();
  const uint32_t num_turns = emulated_card.num_turns;
  int status = 0;

  for (uint32_t i = 0; i < num_turns && status == 0; i++)
    status = emulator::timer_turn(timer, request, TURNS[i]);
  const uint64_t call_copies = (emulated_copies() - before_copies) / num_turns;
  *timing = {};
  timing->median_ns = CALL_NS + (emulated_work_ns() - before_ns) / num_turns;
  timing->p10_ns = timing->p90_ns = timing->median_ns;
  timing->submit_ns = CALL_NS;
  timing->num_samples = request->rule->min_samples;
  timing->calls_per_sample = 1;
  timing->is_held = call_copies <= QUEUE_COPIES && !request->is_synchronous && !request->is_unheld;
  return status;
}
