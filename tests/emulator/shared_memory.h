/* What emulator.cc tells the shared memory of the thread blocks that it runs. */
#pragma once

#include "tests/emulator/emulator.h"

namespace emulator
{

constexpr unsigned MAX_THREADS = 1024;

/* Of the thread block: which thread runs. */
unsigned running_thread(void);

/* For the blocks to come: so many bytes, of which the end is at a guard page but for alignment. */
void shared_memory_place(size_t num_bytes);
/* All of it is NaN, and nothing is on its way. */
void shared_memory_begin_block(unsigned num_threads);
/* Fails where something wrote behind its end. */
void shared_memory_end_block(void);

} // namespace emulator
