/* How much memory this process may still take. */
#pragma once

#include <glib.h>

/* What Linux says is available, or what a container's limit leaves if that is less; G_MAXUINT64
 * where neither is told. */
guint64 host_memory_available_bytes(void);
