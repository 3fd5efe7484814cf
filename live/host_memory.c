#include "host_memory.h"

#include <string.h>

/* "MemAvailable:  123 kB". */
static guint64
of_machine(void)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents("/proc/meminfo", &text, NULL, NULL))
    return G_MAXUINT64;
  line = strstr(text, "MemAvailable:");
  return line != NULL ? g_ascii_strtoull(line + strlen("MemAvailable:"), NULL, 10) * 1024
                      : G_MAXUINT64;
}

/* FALSE where the file has no number: "max". */
static gboolean
read_number(const char *path, guint64 *number)
{
  g_autofree char *text = NULL;
  char *end;

  if (!g_file_get_contents(path, &text, NULL, NULL))
    return FALSE;
  *number = g_ascii_strtoull(text, &end, 10);
  return end != text;
}

/* Of what a container uses, the pages of files that it would give up. */
static guint64
reclaimable(const char *path, const char *key)
{
  g_autofree char *text = NULL;
  const char *line;

  if (!g_file_get_contents(path, &text, NULL, NULL) || (line = strstr(text, key)) == NULL)
    return 0;
  return g_ascii_strtoull(line + strlen(key), NULL, 10);
}

static guint64
of_container(void)
{
  static const struct {
    const char *limit, *used, *details, *key;
  } files[] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat",
       "\ninactive_file "},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes",
       "/sys/fs/cgroup/memory/memory.stat", "\ntotal_inactive_file "},
  };
  guint64 limit, used;

  for (guint i = 0; i < G_N_ELEMENTS(files); i++)
    if (read_number(files[i].limit, &limit) && read_number(files[i].used, &used)) {
      used -= MIN(used, reclaimable(files[i].details, files[i].key));
      return limit > used ? limit - used : 0;
    }
  return G_MAXUINT64;
}

guint64
host_memory_available_bytes(void)
{
  return g_getenv(HOST_MEMORY_GROWS) != NULL ? G_MAXUINT64 : MIN(of_machine(), of_container());
}
