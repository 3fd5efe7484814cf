/* The names of the copy paths and kinds of host memory, as the command line spells them. */
#include "copy_path.h"

static const char *const copy_paths[] = {"per-layer", "per-block", "batched"};
static const char *const host_memories[] = {"pinned", "pageable"};

gboolean
copy_path_from_name(const char *name, CopyPath *path)
{
  for (guint i = 0; i < G_N_ELEMENTS(copy_paths); i++)
    if (g_str_equal(name, copy_paths[i])) {
      *path = (CopyPath)i;
      return TRUE;
    }
  return FALSE;
}

const char *
copy_path_name(CopyPath path)
{
  return copy_paths[path];
}

gboolean
host_memory_from_name(const char *name, HostMemory *memory)
{
  *memory = g_str_equal(name, host_memories[HOST_MEMORY_PAGEABLE]) ? HOST_MEMORY_PAGEABLE
                                                                   : HOST_MEMORY_PINNED;
  return g_str_equal(name, host_memories[*memory]);
}

const char *
host_memory_name(HostMemory memory)
{
  return host_memories[memory];
}
