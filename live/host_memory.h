/* How much memory this process may still take. */
#pragma once

#include <glib.h>

/* Of a small virtual machine whose memory grows as it is used, what Linux says is available is no
 * limit: set to anything, nothing is held against it. */
#define HOST_MEMORY_GROWS "SPILLWAY_HOST_MEMORY_GROWS"

/* What Linux says is available, or what a container's limit leaves if that is less; G_MAXUINT64
 * where neither is told, or HOST_MEMORY_GROWS. */
guint64 host_memory_available_bytes(void);
