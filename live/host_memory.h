/* How much memory this process may still take. */
#pragma once

#include <glib.h>

/* Environment variable: set to anything, host memory is not checked. For virtual machines whose
 * memory grows as it is used, where what Linux calls available is no limit. */
#define HOST_MEMORY_GROWS "SPILLWAY_HOST_MEMORY_GROWS"

/* The least of what Linux says is available and what a container's limit leaves; G_MAXUINT64 where
 * neither is known, or HOST_MEMORY_GROWS is set. */
guint64 host_memory_available_bytes(void);
