/* Barriers in shared memory, after the PTX manual's "Parallel Synchronization and Communication
 * Instructions: mbarrier": a phase ends when all arrivals that it expects have come, and the
 * next begins with as many. A wait is for the end of the current phase or of the one before it, by
 * parity. */
#include "kernels/device_sm90.h"

#include "tests/emulator/emulator.h"

namespace emulator
{

namespace
{

/* How a barrier lies in its 8 bytes, which programs may not look into. */
struct State {
  uint64_t expected : 20, pending : 20, parity : 1, unused : 7, mark : 16;
};
static_assert(sizeof(State) == sizeof(uint64_t));

enum { MARK = 0x5ba1, MAX_ARRIVALS = (1 << 20) - 1 };

State
load(const uint64_t *barrier)
{
  const State state = bits<State>(load_vector(barrier));

  if (state.mark != MARK)
    fail("a barrier in shared memory that nobody initialized");
  return state;
}

} // namespace

void
phase_barrier_init(uint64_t *barrier, unsigned num_arrivals)
{
  if (num_arrivals < 1 || num_arrivals > MAX_ARRIVALS)
    fail("a barrier for %u arrivals", num_arrivals);
  store_vector(barrier, bits<uint64_t>(State{num_arrivals, num_arrivals, 0, 0, MARK}));
}

void
phase_barrier_arrive(uint64_t *barrier)
{
  State state = load(barrier);
  const bool is_last = state.pending == 1;

  tell_others();
  state.pending = is_last ? state.expected : state.pending - 1;
  state.parity ^= is_last;
  store_vector(barrier, bits<uint64_t>(state));
  if (is_last)
    wake_waiters();
}

void
phase_barrier_wait(const uint64_t *barrier, unsigned parity)
{
  if (parity > 1)
    fail("a wait for the parity %u", parity);
  wait_until([=] { return load(barrier).parity != parity; });
}

} // namespace emulator
