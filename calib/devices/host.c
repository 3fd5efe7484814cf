/* The reader of hosts' files, called by the command line to resolve --host. */
#include "host.h"

#include "sim/units.h"

#include <stddef.h>

#define COST(scheduler, member)                                                                    \
  offsetof(Host, costs) + scheduler * sizeof(HostCost) + offsetof(HostCost, member)
#define ROW(scheduler, group, key, member, optional)                                               \
  {                                                                                                \
    "host." group, key, COST(scheduler, member), FIGURE_MICROSECONDS, optional                     \
  }
#define ROWS(scheduler, group)                                                                     \
  ROW(scheduler, group, "step_us", step_ps, FALSE),                                                \
      ROW(scheduler, group, "sequence_us", sequence_ps, FALSE),                                    \
      ROW(scheduler, group, "eager_us", eager_ps, FALSE),                                          \
      ROW(scheduler, group, "piece_us", piece_ps, TRUE),                                           \
      ROW(scheduler, group, "piece_least_us", piece_least_ps, TRUE),                               \
      ROW(scheduler, group, "piece_most_us", piece_most_ps, TRUE),                                 \
      ROW(scheduler, group, "launch_us", launch_ps, TRUE),                                         \
      ROW(scheduler, group, "launch_least_us", launch_least_ps, TRUE),                             \
      ROW(scheduler, group, "launch_most_us", launch_most_ps, TRUE),                               \
      ROW(scheduler, group, "latent_launch_us", latent_launch_ps, TRUE),                           \
      ROW(scheduler, group, "work_us", work_ps, TRUE),                                             \
      ROW(scheduler, group, "work_sequence_us", work_sequence_ps, TRUE),                           \
      ROW(scheduler, group, "api_request_us", api_request_ps, TRUE),                               \
      ROW(scheduler, group, "api_token_us", api_token_ps, TRUE),                                   \
      ROW(scheduler, group, "api_token_least_us", api_token_least_ps, TRUE),                       \
      ROW(scheduler, group, "api_token_most_us", api_token_most_ps, TRUE),                         \
      ROW(scheduler, group, "step_least_us", step_least_ps, TRUE),                                 \
      ROW(scheduler, group, "step_most_us", step_most_ps, TRUE),                                   \
      ROW(scheduler, group, "sequence_least_us", sequence_least_ps, TRUE),                         \
      ROW(scheduler, group, "sequence_most_us", sequence_most_ps, TRUE),                           \
      ROW(scheduler, group, "eager_least_us", eager_least_ps, TRUE),                               \
      ROW(scheduler, group, "eager_most_us", eager_most_ps, TRUE)

static const FigureRow rows[] = {
    ROWS(HOST_VLLM_V1, "vllm-v1"),
    ROWS(HOST_VLLM_0_6, "vllm-0.6"),
    ROWS(HOST_VLLM_0_5, "vllm-0.5"),
};

#define RANGE(group, key)                                                                          \
  {                                                                                                \
    "host." group, key "_us", key "_least_us", key "_most_us"                                      \
  }
#define RANGES(group)                                                                              \
  RANGE(group, "step"), RANGE(group, "sequence"), RANGE(group, "eager"), RANGE(group, "piece"),    \
      RANGE(group, "launch"), RANGE(group, "api_token")

static const FigureRange ranges[] = {RANGES("vllm-v1"), RANGES("vllm-0.6"), RANGES("vllm-0.5")};

static const char *const texts[] = {"title", "tables", "tables_device", NULL};

static const FigureForm form = {.kind = "host",
                                .format = HOST_FORMAT,
                                .rows = rows,
                                .n_rows = G_N_ELEMENTS(rows),
                                .ranges = ranges,
                                .n_ranges = G_N_ELEMENTS(ranges),
                                .texts = texts};

static const char *const scheduler_names[HOST_SCHEDULERS] = {"vllm-v1", "vllm-0.6", "vllm-0.5"};

gboolean
host_scheduler_from_name(const char *name, HostScheduler *scheduler)
{
  for (guint i = 0; i < HOST_SCHEDULERS; i++)
    if (g_str_equal(name, scheduler_names[i])) {
      *scheduler = (HostScheduler)i;
      return TRUE;
    }
  return FALSE;
}

const char *
host_scheduler_name(HostScheduler scheduler)
{
  return scheduler_names[scheduler];
}

void
host_free(Host *host)
{
  if (host == NULL)
    return;
  g_free(host->name);
  g_free(host->title);
  g_clear_pointer(&host->file, figure_file_unref);
  g_free(host);
}

Host *
host_read(const char *path, const char *name, GError **error)
{
  g_autoptr(Host) host = g_new0(Host, 1);

  host->name = g_strdup(name);
  host->file = figure_file_read(path, &form, host, error);
  if (host->file == NULL)
    return NULL;
  host->title = g_key_file_get_string(host->file->keys, form.kind, "title", NULL);
  if (host->title == NULL)
    host->title = g_strdup(name);
  return g_steal_pointer(&host);
}

Host *
host_of_device(const Device *device, GError **error)
{
  g_auto(GStrv) groups = g_key_file_get_groups(device->file->keys, NULL);
  g_autoptr(Host) host = g_new0(Host, 1);
  gboolean has_one = FALSE;

  for (char **group = groups; *group != NULL; group++)
    has_one |= g_str_has_prefix(*group, HOST_GROUPS);
  if (!has_one)
    return NULL;
  host->name = g_strdup(device->name);
  host->title = g_strdup_printf("the machine of %s", device->name);
  host->file = figure_file_ref(device->file);
  return figure_file_take(host->file, &form, HOST_GROUPS, host, error) ? g_steal_pointer(&host)
                                                                       : NULL;
}

gboolean
host_is_unknown(const Host *host)
{
  return g_str_equal(host->name, HOST_UNKNOWN);
}

char *
host_source(const Host *host, HostScheduler scheduler)
{
  g_autofree char *group = g_strconcat(HOST_GROUPS, host_scheduler_name(scheduler), NULL);
  g_autofree char *source = g_key_file_get_string(host->file->keys, group, "step_us.source", NULL);

  return g_strdup_printf(HOST_SOURCE " %s, [%s] step_us: %s", host->name, group,
                         source != NULL ? source : "no source given");
}
