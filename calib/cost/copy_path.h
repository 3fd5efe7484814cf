/* How the KV of a block travels between device and host, and what the host side is made of. */
#pragma once

#include <glib.h>

typedef enum {
  COPY_PATH_PER_LAYER, /* a copy a block, layer and K or V (vLLM v0) */
  COPY_PATH_PER_BLOCK, /* a copy a block: its layers lie together */
  COPY_PATH_BATCHED,   /* the pieces of per-layer in one submission (gather kernel, batched copy) */
} CopyPath;

typedef enum { HOST_MEMORY_PINNED, HOST_MEMORY_PAGEABLE } HostMemory;

/* "per-layer", "per-block", "batched"; "pinned", "pageable". FALSE if it is none of them. */
gboolean copy_path_from_name(const char *name, CopyPath *path);
const char *copy_path_name(CopyPath path);
gboolean host_memory_from_name(const char *name, HostMemory *memory);
const char *host_memory_name(HostMemory memory);
