/* Fibers: flows of control that hand over to each other by name. Not threads: one runs at a time.
 */
#pragma once

namespace fibers
{

struct Fiber;

/* Does not start it: the first switch to it calls `body(context)`, which must not return. */
Fiber *create(void (*body)(void *context), void *context);
/* The caller's own, which has no body. */
Fiber *adopt(void);
void switch_to(Fiber *from, Fiber *to);

} // namespace fibers
