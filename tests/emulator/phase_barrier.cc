/* Barriers in shared memory, after the PTX manual's "Parallel Synchronization and Communication
 * Instructions: mbarrier": a phase ends when all arrivals that it expects have come, and the
 * next begins with as many. Bytes of copies by the tensor memory accelerator count as well: a phase
 * ends only when as many have come as were expected in it, and some may come before they are
 * expected. A wait is for the end of the current phase or of the one before it, by parity. */
#include "kernels/device_sm90.h"

#include "tests/emulator/emulator.h"

namespace emulator
{

namespace
{

/* How a barrier lies in its 8 bytes, which programs may not look into. */
struct State {
  uint64_t expected : 11, pending : 11, parity : 1, mark : 16;
  int64_t bytes : 25; /* that are still to come */
};
static_assert(sizeof(State) == sizeof(uint64_t));

enum { MARK = 0x5ba1, MAX_ARRIVALS = 1024, MAX_BYTES = (1 << 20) - 1 };

State
load(const uint64_t *barrier)
{
  const State state = bits<State>(load_vector(barrier));

  if (state.mark != MARK)
    fail("a barrier in shared memory that nobody initialized");
  return state;
}

void
store(uint64_t *barrier, State state)
{
  const bool has_ended = state.pending == 0 && state.bytes == 0;

  if (has_ended) {
    state.pending = state.expected;
    state.parity ^= 1;
  }
  store_vector(barrier, bits<uint64_t>(state));
  if (has_ended)
    wake_waiters();
}

void
add_bytes(uint64_t *barrier, int64_t num_bytes)
{
  State state = load(barrier);
  const int64_t bytes = state.bytes + num_bytes;

  if (bytes > MAX_BYTES || bytes < -MAX_BYTES)
    fail("a barrier that expects %lld bytes", (long long)bytes);
  state.bytes = bytes;
  store(barrier, state);
}

} // namespace

void
phase_barrier_init(uint64_t *barrier, unsigned num_arrivals)
{
  if (num_arrivals < 1 || num_arrivals > MAX_ARRIVALS)
    fail("a barrier for %u arrivals", num_arrivals);
  store_vector(barrier, bits<uint64_t>(State{num_arrivals, num_arrivals, 0, MARK, 0}));
}

void
phase_barrier_arrive(uint64_t *barrier)
{
  State state = load(barrier);

  tell_others();
  if (state.pending == 0)
    fail("more arrivals at a barrier than it is for");
  state.pending--;
  store(barrier, state);
}

void
phase_barrier_expect(uint64_t *barrier, unsigned num_bytes)
{
  add_bytes(barrier, num_bytes);
}

void
phase_barrier_complete(uint64_t *barrier, unsigned num_bytes)
{
  add_bytes(barrier, -(int64_t)num_bytes);
}

void
phase_barrier_wait(const uint64_t *barrier, unsigned parity)
{
  if (parity > 1)
    fail("a wait for the parity %u", parity);
  wait_until([=] {
    tensor_map_arrive(barrier);
    return load(barrier).parity != parity;
  });
}

} // namespace emulator
