/* Thread blocks as fibers, their meetings and barriers. */
#include "tests/emulator/emulator.h"

#include "tests/emulator/card.h"
#include "tests/emulator/fibers.h"
#include "tests/emulator/shared_memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

namespace emulator
{

namespace
{

enum {
  MAX_WARPS = MAX_THREADS / WARP_LANES,
  RUN_AHEAD = 64, /* warp operations, in the mean */
  STRAY = 16,     /* of so many waits, one lets another warp go on */
};

/* Lanes that wait for each other in one operation. */
struct Meeting {
  Perform *perform;
  unsigned mask; /* of a warp */
  unsigned arrived, expected;
  void *lanes[WARPGROUP_LANES]; /* null: takes no part */
};

struct Barrier {
  unsigned arrived, expected;
  std::vector<unsigned> waiting;
};

struct Thread {
  fibers::Fiber *fiber;
  dim3 place;
  bool polls;  /* for what another thread must do */
  bool waited; /* for the kernel before */
};

struct Machine {
  fibers::Fiber *home;
  Thread threads[MAX_THREADS];
  Meeting warps[MAX_WARPS], warpgroups[MAX_WARPS / 4];
  Barrier barriers[NAMED_BARRIERS];
  uint32_t ready[MAX_WARPS]; /* lanes that can run */
  unsigned num_threads, num_warps, num_left;
  unsigned running;
  Place place;
  uint64_t random;
  const std::function<void()> *body;
} machine;

uint64_t
draw(void)
{
  machine.random = machine.random * 6364136223846793005u + 1442695040888963407u;
  return machine.random >> 33;
}

void
set_ready(unsigned thread)
{
  machine.ready[thread / WARP_LANES] |= 1u << thread % WARP_LANES;
}

/* A warp with lanes that can run, from a random one on; MAX_WARPS where there is none. */
unsigned
choose_warp(void)
{
  const unsigned first = (unsigned)(draw() % machine.num_warps);

  for (unsigned i = 0; i < machine.num_warps; i++) {
    const unsigned warp = (first + i) % machine.num_warps;
    if (machine.ready[warp] != 0)
      return warp;
  }
  return MAX_WARPS;
}

void
report_deadlock(void)
{
  for (unsigned id = 0; id < NAMED_BARRIERS; id++)
    if (machine.barriers[id].arrived > 0)
      fprintf(stderr, "emulator: barrier %u has %u of %u threads\n", id,
              machine.barriers[id].arrived, machine.barriers[id].expected);
  for (unsigned warp = 0; warp < machine.num_warps; warp++)
    if (machine.warps[warp].arrived > 0)
      fprintf(stderr, "emulator: %u of %u lanes of warp %u are in an operation\n",
              machine.warps[warp].arrived, machine.warps[warp].expected, warp);
  fail("%u threads wait for each other for ever", machine.num_left);
}

void
run_thread(unsigned thread)
{
  const unsigned before = machine.running;

  machine.running = thread;
  machine.place.thread = machine.threads[thread].place;
  fibers::switch_to(before < MAX_THREADS ? machine.threads[before].fiber : machine.home,
                    machine.threads[thread].fiber);
}

/* Lets another thread run; those of this warp first, as they have usually to catch up, but not
 * always: others may see what the first lanes of a warp did before the last ones did theirs. */
void
yield(void)
{
  unsigned warp = machine.running / WARP_LANES;

  if (machine.ready[warp] == 0 || draw() % STRAY == 0)
    warp = choose_warp();
  if (warp == MAX_WARPS)
    report_deadlock();
  const uint32_t ready = machine.ready[warp];
  const unsigned lane = (machine.random >> 40 & 1) != 0 ? (unsigned)__builtin_ctz(ready)
                                                        : 31 - (unsigned)__builtin_clz(ready);
  run_thread(warp * WARP_LANES + lane);
}

void
block_here(void)
{
  machine.ready[machine.running / WARP_LANES] &= ~(1u << machine.running % WARP_LANES);
  yield();
}

void
finish_thread(void)
{
  const unsigned self = machine.running;

  machine.ready[self / WARP_LANES] &= ~(1u << self % WARP_LANES);
  if (--machine.num_left > 0) {
    yield();
  } else {
    machine.running = MAX_THREADS;
    fibers::switch_to(machine.threads[self].fiber, machine.home);
  }
}

void
run_threads_body(void *)
{
  for (;;) {
    (*machine.body)();
    finish_thread();
  }
}

/* Lets a thread of any warp run, while this one could go on. */
void
stray(void)
{
  const unsigned warp = choose_warp();

  run_thread(warp * WARP_LANES + (unsigned)__builtin_ctz(machine.ready[warp]));
}

/* The last of the lanes to come performs, and all go on. */
void
meet(Meeting *meeting, unsigned first_thread, unsigned num_lanes, unsigned mask, unsigned expected,
     void *mine, Perform *perform)
{
  if (meeting->arrived == 0) {
    meeting->perform = perform;
    meeting->mask = mask;
    meeting->expected = expected;
    memset(meeting->lanes, 0, num_lanes * sizeof meeting->lanes[0]);
  } else if (meeting->perform != perform || meeting->mask != mask) {
    fail("other lanes are in another operation (masks %08x and %08x)", mask, meeting->mask);
  }
  meeting->lanes[machine.running - first_thread] = mine == nullptr ? meeting : mine;
  if (++meeting->arrived < meeting->expected) {
    block_here();
    return;
  }
  perform(meeting->lanes);
  meeting->arrived = 0;
  for (unsigned lane = 0; lane < num_lanes; lane++)
    if (meeting->lanes[lane] != nullptr)
      set_ready(first_thread + lane);
  if (draw() % RUN_AHEAD == 0)
    stray();
}

Barrier *
arrive(unsigned id, unsigned num_threads)
{
  if (id >= NAMED_BARRIERS)
    fail("there is no barrier %u", id);
  Barrier *barrier = &machine.barriers[id];
  const unsigned expected = num_threads == 0 ? machine.num_threads : num_threads;

  if (barrier->arrived > 0 && barrier->expected != expected)
    fail("barrier %u is for %u threads and for %u", id, barrier->expected, expected);
  barrier->expected = expected;
  barrier->arrived++;
  tell_others();
  return barrier;
}

/* Whether that was the last one. */
bool
complete(Barrier *barrier)
{
  if (barrier->arrived < barrier->expected)
    return false;
  for (unsigned thread : barrier->waiting)
    set_ready(thread);
  barrier->waiting.clear();
  barrier->arrived = 0;
  return true;
}

void
prepare(const dim3 &block, size_t shared_bytes)
{
  machine.num_threads = block.x * block.y * block.z;
  machine.num_warps = (machine.num_threads + WARP_LANES - 1) / WARP_LANES;
  if (machine.home == nullptr)
    machine.home = fibers::adopt();
  shared_memory_place(shared_bytes);
  for (unsigned i = 0; i < machine.num_threads; i++) {
    Thread *thread = &machine.threads[i];
    thread->place = dim3(i % block.x, i / block.x % block.y, i / (block.x * block.y));
    if (thread->fiber == nullptr)
      thread->fiber = fibers::create(run_threads_body, nullptr);
  }
}

void
check_after_block(void)
{
  shared_memory_end_block();
  for (unsigned id = 0; id < NAMED_BARRIERS; id++)
    if (machine.barriers[id].arrived > 0)
      fail("barrier %u was left with %u of %u threads", id, machine.barriers[id].arrived,
           machine.barriers[id].expected);
  check_products();
  check_boxes();
}

void
run_block(void)
{
  shared_memory_begin_block(machine.num_threads);
  machine.num_left = machine.num_threads;
  for (unsigned i = 0; i < machine.num_threads; i++)
    set_ready(i);
  machine.running = MAX_THREADS;
  run_thread((unsigned)(draw() % machine.num_threads));
  check_after_block();
}

} // namespace

void
fail(const char *format, ...)
{
  va_list arguments;

  va_start(arguments, format);
  fputs("emulator: ", stderr);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, " (thread %u of block %u,%u,%u)\n", machine.running, machine.place.block.x,
          machine.place.block.y, machine.place.block.z);
  va_end(arguments);
  abort();
}

void
wait_for_earlier(void)
{
  machine.threads[machine.running].waited = true;
}

void
check_waited(void)
{
  Thread &thread = machine.threads[machine.running];

  if (!thread.waited)
    fail("a thread did not wait for the kernel before its own");
  thread.waited = false;
}

const Place &
place(void)
{
  return machine.place;
}

unsigned
running_thread(void)
{
  return machine.running;
}

cudaError_t
check_launch(dim3 grid, dim3 block)
{
  const uint64_t num_threads = (uint64_t)block.x * block.y * block.z;

  if (num_threads == 0 || num_threads > MAX_THREADS || grid.x == 0 || grid.y == 0 || grid.z == 0 ||
      grid.y > 65535 || grid.z > 65535)
    return cudaErrorInvalidConfiguration;
  return cudaSuccess;
}

cudaError_t
launch(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()> &body)
{
  const cudaError_t status = check_launch(grid, block);

  if (status != cudaSuccess)
    return status;
  prepare(block, shared_bytes);
  emulated_launched((uint64_t)block.x * block.y * block.z * grid.x * grid.y * grid.z);
  machine.body = &body;
  machine.place.block_dim = block;
  machine.place.grid_dim = grid;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        machine.place.block = dim3(x, y, z);
        run_block();
      }
  return cudaSuccess;
}

void
meet_warp(unsigned mask, void *mine, Perform *perform)
{
  const unsigned warp = machine.running / WARP_LANES;

  if ((mask >> machine.running % WARP_LANES & 1) == 0)
    fail("a lane that the mask %08x leaves out takes part", mask);
  meet(&machine.warps[warp], warp * WARP_LANES, WARP_LANES, mask,
       (unsigned)__builtin_popcount(mask), mine, perform);
}

void
meet_warpgroup(void *mine, Perform *perform)
{
  const unsigned group = machine.running / WARPGROUP_LANES;

  meet(&machine.warpgroups[group], group * WARPGROUP_LANES, WARPGROUP_LANES, 0, WARPGROUP_LANES,
       mine, perform);
}

void
barrier_sync(unsigned id, unsigned num_threads)
{
  Barrier *barrier = arrive(id, num_threads);

  if (complete(barrier))
    return;
  barrier->waiting.push_back(machine.running);
  block_here();
}

void
barrier_arrive(unsigned id, unsigned num_threads)
{
  complete(arrive(id, num_threads));
}

void
wait_until(const std::function<bool()> &is_true)
{
  while (!is_true()) {
    machine.threads[machine.running].polls = true;
    block_here();
    machine.threads[machine.running].polls = false;
  }
}

void
wake_waiters(void)
{
  for (unsigned thread = 0; thread < machine.num_threads; thread++)
    if (machine.threads[thread].polls)
      set_ready(thread);
  if (draw() % 2 == 0)
    stray();
}

} // namespace emulator
