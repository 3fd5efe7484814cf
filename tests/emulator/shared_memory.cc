/* The shared memory of the thread block that runs, and its threads' asynchronous copies into it. */
#include "tests/emulator/shared_memory.h"

#include <string.h>
#include <sys/mman.h>

#include <vector>

namespace emulator
{

namespace
{

enum {
  ARENA_BYTES = 256 * 1024,
  MAX_SHARED_BYTES = 227 * 1024,
  FIRST_SHARED_ADDRESS = 1024,
  SHARED_ALIGNMENT = 1024,
  POISON = 0xff, /* NaN in every type */
  VECTOR_BYTES = 16,
};

struct Copy {
  void *to;
  const void *from; /* null: zeros */
};

/* Of a thread. */
struct Copies {
  std::vector<Copy> copies;
  std::vector<size_t> groups; /* how many copies each has, oldest first */
  bool unfenced;              /* wrote what products of a warpgroup may not see yet */
};

struct Memory {
  Copies threads[MAX_THREADS];
  bool unfenced;        /* a thread told others of what it had not fenced */
  unsigned char *arena; /* before a guard page */
  unsigned char *shared;
  size_t shared_bytes, slack_bytes;
} memory;

} // namespace

static void
make_arena(void)
{
  const size_t guard_bytes = 64 * 1024;
  unsigned char *mapped = (unsigned char *)mmap(nullptr, guard_bytes + ARENA_BYTES + guard_bytes,
                                                PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (mapped == MAP_FAILED || mprotect(mapped + guard_bytes, ARENA_BYTES, PROT_READ | PROT_WRITE))
    fail("no memory for the shared memory");
  memory.arena = mapped + guard_bytes;
}

/* Its end is at the guard page, but for what the alignment of its start takes. */
void
shared_memory_place(size_t num_bytes)
{
  if (memory.arena == nullptr)
    make_arena();
  if (num_bytes > MAX_SHARED_BYTES)
    fail("%zu bytes of shared memory; a thread block has no more than %d", num_bytes,
         MAX_SHARED_BYTES);
  memory.shared_bytes = num_bytes;
  memory.slack_bytes = (SHARED_ALIGNMENT - num_bytes % SHARED_ALIGNMENT) % SHARED_ALIGNMENT;
  memory.shared = memory.arena + ARENA_BYTES - num_bytes - memory.slack_bytes;
}

void
shared_memory_begin_block(unsigned num_threads)
{
  memset(memory.shared, POISON, memory.shared_bytes + memory.slack_bytes);
  memory.unfenced = false;
  for (unsigned i = 0; i < num_threads; i++) {
    Copies *copies = &memory.threads[i];
    copies->copies.clear();
    copies->groups.assign(1, 0);
    copies->unfenced = false;
  }
}

void
shared_memory_end_block(void)
{
  for (size_t i = 0; i < memory.slack_bytes; i++)
    if (memory.shared[memory.shared_bytes + i] != POISON)
      fail("something wrote byte %zu of %zu of shared memory", memory.shared_bytes + i,
           memory.shared_bytes);
}

void
tell_others(void)
{
  memory.unfenced |= memory.threads[running_thread()].unfenced;
}

unsigned char *
shared_memory(void)
{
  return memory.shared;
}

uint32_t
shared_address(const void *at)
{
  return FIRST_SHARED_ADDRESS + (uint32_t)((const unsigned char *)at - memory.shared);
}

unsigned char *
shared_place(uint32_t address)
{
  return memory.shared + address - FIRST_SHARED_ADDRESS;
}

void
load_shared(uint32_t address, void *to, size_t num_bytes)
{
  const int64_t first = (int64_t)address - FIRST_SHARED_ADDRESS;

  if (first < 0 || first + (int64_t)num_bytes > (int64_t)memory.shared_bytes)
    fail("byte %lld of %zu of shared memory is read", (long long)first, memory.shared_bytes);
  memcpy(to, memory.shared + first, num_bytes);
}

void
check_vector(const void *at, size_t num_bytes, const char *what)
{
  if ((uintptr_t)at % num_bytes != 0)
    fail("%s of %zu bytes at %p, which is no multiple of that", what, num_bytes, at);
}

void
check_shared(const void *at, size_t num_bytes)
{
  const unsigned char *begin = (const unsigned char *)at;

  if (begin < memory.shared || begin + num_bytes > memory.shared + memory.shared_bytes)
    fail("a copy to byte %td of %zu of shared memory", begin - memory.shared, memory.shared_bytes);
}

void
copy_async(void *to, const void *from, bool valid)
{
  Copies *thread = &memory.threads[running_thread()];

  check_vector(to, VECTOR_BYTES, "copy");
  check_vector(from, VECTOR_BYTES, "copy");
  check_shared(to, VECTOR_BYTES);
  memset(to, POISON, VECTOR_BYTES);
  thread->copies.push_back({to, valid ? from : nullptr});
  thread->groups.back()++;
}

void
copy_async_commit(void)
{
  memory.threads[running_thread()].groups.push_back(0);
}

/* The last group is the open one, which no wait completes. */
void
copy_async_wait(size_t pending_groups)
{
  Copies *thread = &memory.threads[running_thread()];
  size_t done = 0;

  while (thread->groups.size() > pending_groups + 1) {
    for (size_t end = done + thread->groups.front(); done < end; done++) {
      const Copy &copy = thread->copies[done];
      if (copy.from != nullptr)
        memcpy(copy.to, copy.from, VECTOR_BYTES);
      else
        memset(copy.to, 0, VECTOR_BYTES);
      thread->unfenced = true;
    }
    thread->groups.erase(thread->groups.begin());
  }
  thread->copies.erase(thread->copies.begin(), thread->copies.begin() + (ptrdiff_t)done);
}

void
fence_async(void)
{
  memory.threads[running_thread()].unfenced = false;
}

void
check_fenced(void)
{
  if (memory.unfenced || memory.threads[running_thread()].unfenced)
    fail("a product of a warpgroup after copies that no fence made visible to it");
}

} // namespace emulator
