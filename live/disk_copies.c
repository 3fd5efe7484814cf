#include "config.h"

#include "disk_copies.h"

#include <string.h>

#include "clock.h"
#include "device.h"
#include "disk_file.h"
#include "random.h"

struct DiskCopies {
  DiskCopiesSetup setup;
  DiskFile *file;
  guint64 *byte_sums;   /* of each block of the disk, of what was written */
  guint64 *device_sums; /* and what came along from host_sums */
  CopyJobs jobs;
};

DiskCopies *
disk_copies_new(const DiskCopiesSetup *setup, GError **error)
{
  DiskCopies *copies = g_new0(DiskCopies, 1);

  copies->setup = *setup;
  copies->byte_sums = g_new0(guint64, MAX(setup->num_blocks, 1));
  copies->device_sums = g_new0(guint64, MAX(setup->num_blocks, 1));
  copy_jobs_init(&copies->jobs);
  copies->file = disk_file_open(setup->num_blocks, setup->block_bytes, error);
  if (copies->file != NULL)
    return copies;
  disk_copies_free(copies);
  return NULL;
}

void
disk_copies_free(DiskCopies *copies)
{
  if (copies == NULL)
    return;
  disk_file_close(copies->file);
  copy_jobs_clear(&copies->jobs);
  g_free(copies->byte_sums);
  g_free(copies->device_sums);
  g_free(copies);
}

static guint64
sum_of(const char *bytes, gsize n)
{
  guint64 sum = n;

  for (gsize i = 0; i < n; i += sizeof sum) {
    guint64 word = 0;
    memcpy(&word, bytes + i, MIN(sizeof word, n - i));
    sum = random_key(sum, word);
  }
  return sum;
}

static char *
host_place(const DiskCopies *copies, gint32 block)
{
  return copies->setup.host + (gsize)block * copies->setup.block_bytes;
}

/* Nothing may read the host's block before the job has ended: until then it holds no KV. */
static gboolean
begin_block(DiskCopies *copies, LiveJob *job, guint i, GError **error)
{
  const gsize n = copies->setup.block_bytes;
  const BlockCopy *copy = &job->blocks[i];
  char *bytes = job->bytes + i * n, *place = host_place(copies, copy->host_block);

  if (job->direction == COPY_FROM_DISK) {
    memset(place, 0xff, n);
    return disk_file_read(copies->file, copy->disk_block, bytes, error);
  }
  memcpy(bytes, place, n);
  copies->byte_sums[copy->disk_block] = sum_of(bytes, n);
  if (copies->setup.host_sums != NULL)
    copies->device_sums[copy->disk_block] = copies->setup.host_sums[copy->host_block];
  return disk_file_write(copies->file, copy->disk_block, bytes, error);
}

gboolean
disk_copies_begin(DiskCopies *copies, const StepPlan *plan, const CopyJob *made, gint64 now_ps,
                  GError **error)
{
  g_autoptr(LiveJob) job = live_job_new(plan, made, copies->setup.block_bytes);
  gint64 start_ns = live_clock_ns(copies->setup.clock), took_ns;

  for (guint i = 0; i < job->n; i++)
    if (!begin_block(copies, job, i, error))
      return FALSE;
  took_ns = copies->setup.copy_ns > 0 ? copies->setup.copy_ns * job->n
                                      : live_clock_ns(copies->setup.clock) - start_ns;
  copy_jobs_add(&copies->jobs, g_steal_pointer(&job), now_ps, took_ns);
  return TRUE;
}

static gboolean
end_block(DiskCopies *copies, const LiveJob *job, guint i, GError **error)
{
  const gsize n = copies->setup.block_bytes;
  const BlockCopy *copy = &job->blocks[i];
  const char *bytes = job->bytes + i * n;
  char *place = host_place(copies, copy->host_block);

  if (job->direction == COPY_TO_DISK ? memcmp(bytes, place, n) != 0
                                     : sum_of(bytes, n) != copies->byte_sums[copy->disk_block]) {
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_COPY,
                job->direction == COPY_TO_DISK
                    ? "request %u of the trace: host block %d was written while it was copied to "
                      "disk block %d"
                    : "request %u of the trace: the KV that came to host block %d from disk block "
                      "%d is not what was written",
                copy->request, copy->host_block, copy->disk_block);
    return FALSE;
  }
  if (job->direction == COPY_TO_DISK)
    return TRUE;
  memcpy(place, bytes, n);
  if (copies->setup.host_sums != NULL)
    copies->setup.host_sums[copy->host_block] = copies->device_sums[copy->disk_block];
  return TRUE;
}

gboolean
disk_copies_end(DiskCopies *copies, gint64 now_ps, CopiesEnded *ended, GError **error)
{
  for (CopyDirection d = COPY_TO_DISK; d <= COPY_FROM_DISK; d++)
    for (;;) {
      g_autoptr(LiveJob) job = copy_jobs_take(&copies->jobs, d, now_ps, ended);
      if (job == NULL)
        break;
      for (guint i = 0; i < job->n; i++)
        if (!end_block(copies, job, i, error))
          return FALSE;
    }
  return TRUE;
}

gint64
disk_copies_next_end_ps(const DiskCopies *copies)
{
  return copy_jobs_next_end_ps(&copies->jobs);
}
