/* The disk behind the host's memory: whether the scenario has one, its size and its speed. */
#include "resolve.h"
#include "resolver.h"
#include "typed.h"

#include "calib/cost/pool_size.h"
#include "sim/units.h"

#include <math.h>

#define GIB ((guint64)1 << 30)
#define GB_PER_S 1e9

/* Options that need a disk. */
static const char *const speeds[] = {"disk", "disk-read-bandwidth", "disk-write-bandwidth",
                                     "disk-latency", "disk-queue-depth"};

static const char *
given_speed(const Resolver *r)
{
  for (guint i = 0; i < G_N_ELEMENTS(speeds); i++)
    if (resolver_given(r, speeds[i]))
      return speeds[i];
  return NULL;
}

static gboolean
size_disk(Resolver *r, GError **error)
{
  guint64 bytes;

  if (resolver_given(r, "num-disk-blocks")) {
    r->scenario->config.num_disk_blocks = (guint32)r->settings->num_disk_blocks;
    return TRUE;
  }
  if (r->scenario->model == NULL)
    return resolver_refuse(error, "--kv-offloading-disk needs --model; or give --num-disk-blocks");
  if (!typed_bytes(r->settings->kv_offloading_disk, "--kv-offloading-disk", GIB, &bytes, error))
    return FALSE;
  r->scenario->config.num_disk_blocks = pool_blocks(bytes, r->scenario->disk_block_bytes);
  return TRUE;
}

/* Disks and arrays of them move from 0.05 GB/s (one that turns) to 500 (dozens of NVMe disks). */
static void
note_doubt(const Resolver *r, const char *way, double bytes_per_s)
{
  if (bytes_per_s < 0.05 * GB_PER_S || bytes_per_s > 500 * GB_PER_S)
    resolver_doubt(r, "the disk %s %.6g GB/s; disks have 0.05 to 500: is its unit right?", way,
                   bytes_per_s / GB_PER_S);
}

static gboolean
find_speed(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;
  DiskFigures *disk;

  s->config.disk = (Disk){.queue_depth = 1};
  if (!s->executor->needs_cost)
    return TRUE;
  disk = s->disk = resolve_disk(settings->disk, error);
  if (disk == NULL) {
    g_prefix_error(error, "--disk: ");
    return FALSE;
  }
  if (settings->disk_read_bandwidth > 0)
    disk->read_bytes_per_s = settings->disk_read_bandwidth * GB_PER_S;
  if (settings->disk_write_bandwidth > 0)
    disk->write_bytes_per_s = settings->disk_write_bandwidth * GB_PER_S;
  if (resolver_given(r, "disk-latency"))
    disk->read_latency_ps = disk->write_latency_ps = settings->disk_latency * (double)PS_PER_US;
  if (settings->disk_queue_depth > 0)
    disk->queue_depth = (double)settings->disk_queue_depth;
  note_doubt(r, "reads", disk->read_bytes_per_s);
  note_doubt(r, "writes", disk->write_bytes_per_s);
  s->config.disk = disk_figures_times(disk, s->disk_block_bytes);
  return TRUE;
}

gboolean
resolver_disk(Resolver *r, GError **error)
{
  const Scenario *s = r->scenario;
  gboolean wanted = resolver_given(r, "num-disk-blocks") || resolver_given(r, "kv-offloading-disk");
  const char *speed = given_speed(r);

  if (speed != NULL && !s->executor->needs_cost)
    return resolver_refuse(error, "--%s: the executor %s costs nothing that it could change", speed,
                           s->executor->name);
  if (speed != NULL && !wanted)
    return resolver_refuse(error,
                           "--%s is of the disk that --kv-offloading-disk or "
                           "--num-disk-blocks gives the run",
                           speed);
  if (!wanted)
    return TRUE;
  if (s->config.num_offload_blocks > 0)
    return resolver_refuse(error, "--kv-offloading-disk: known for swapped blocks, not for native "
                                  "offload");
  if (!r->settings->overlap_copies)
    return resolver_refuse(error, "--kv-offloading-disk needs --overlap-copies: copies to a disk "
                                  "and from it are beside the steps");
  if (!s->config.overlap_copies) {
    resolver_note(r, "--kv-offloading-disk changes nothing: nothing is swapped");
    return TRUE;
  }
  return size_disk(r, error) && find_speed(r, error);
}
