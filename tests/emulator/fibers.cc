/* ucontext makes a fiber; after that the compiler's own setjmp switches, which unlike swapcontext asks
 * nothing of the kernel. The library's longjmp would, under the address sanitizer, clear the shadow of a
 * whole stack at each switch: two thirds of such a test's time. Fibers are kept until the program ends. */
#include "tests/emulator/fibers.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#ifdef __has_feature /* clang's word for what gcc defines */
#if __has_feature(address_sanitizer) && !defined __SANITIZE_ADDRESS__
#define __SANITIZE_ADDRESS__
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#define NOT_SANITIZED __attribute__((noinline, no_sanitize_address))
#else
#define NOT_SANITIZED __attribute__((noinline))
static void
__sanitizer_start_switch_fiber(void **, const void *, size_t)
{
}
static void
__sanitizer_finish_switch_fiber(void *, const void **, size_t *)
{
}
#endif

namespace fibers
{

enum { STACK_BYTES = 256 * 1024, PAGE_BYTES = 64 * 1024 };

enum { PLACE_WORDS = 5 }; /* of __builtin_setjmp */

struct Fiber {
  void *where[PLACE_WORDS];
  bool started;
  ucontext_t start;
  const void *stack = nullptr;
  size_t stack_bytes = 0;
  void *fake_stack; /* the address sanitizer's */
  void (*body)(void *context);
  void *context;
};

/* The fiber that is being left, for the one that is entered; and the one to enter first. */
static Fiber *leaving, *entering;

static void
enter(Fiber *self)
{
  const void *stack = nullptr;
  size_t stack_bytes = 0;

  __sanitizer_finish_switch_fiber(self->fake_stack, &stack, &stack_bytes);
  if (leaving->stack == nullptr) { /* adopted: only now is its stack known */
    leaving->stack = stack;
    leaving->stack_bytes = stack_bytes;
  }
}

static void
run_body(void)
{
  Fiber *self = entering;

  enter(self);
  self->body(self->context);
  abort();
}

Fiber *
create(void (*body)(void *context), void *context)
{
  Fiber *fiber = (Fiber *)calloc(1, sizeof *fiber);
  void *memory = mmap(nullptr, STACK_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (fiber == nullptr || memory == MAP_FAILED || mprotect(memory, PAGE_BYTES, PROT_NONE) != 0) {
    perror("emulator: no memory for a thread's stack");
    abort();
  }
  fiber->stack = (char *)memory + PAGE_BYTES;
  fiber->stack_bytes = STACK_BYTES;
  fiber->body = body;
  fiber->context = context;
  return fiber;
}

Fiber *
adopt(void)
{
  Fiber *fiber = (Fiber *)calloc(1, sizeof *fiber);

  if (fiber == nullptr)
    abort();
  fiber->started = true;
  return fiber;
}

static void
start(Fiber *fiber)
{
  fiber->started = true;
  entering = fiber;
  getcontext(&fiber->start);
  fiber->start.uc_stack.ss_sp = (void *)fiber->stack;
  fiber->start.uc_stack.ss_size = fiber->stack_bytes;
  makecontext(&fiber->start, run_body, 0);
  setcontext(&fiber->start);
  abort();
}

/* One function cannot both save a place and jump to one. */
NOT_SANITIZED static void
go_to(Fiber *to)
{
  if (to->started)
    __builtin_longjmp(to->where, 1);
  start(to);
}

NOT_SANITIZED void
switch_to(Fiber *from, Fiber *to)
{
  if (from == to)
    return;
  leaving = from;
  __sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->stack_bytes);
  if (__builtin_setjmp(from->where) == 0)
    go_to(to);
  enter(from);
}

} // namespace fibers
