#include "config.h"

#include "gpu_jobs.h"

#include "clock.h"
#include "disk_copies.h"
#include "gpu_memory.h"
#include "sim/units.h"

enum { WAYS = COPY_IN + 1 };

typedef struct {
  GArray *blocks;  /* of BlockCopy */
  gint32 *list;    /* their ids in the device's pool, in pinned memory that kernels read */
  gint64 begin_ps; /* by the run's clock */
  gint64 took_ps;
  gint64 end_ps; /* G_MAXINT64: not known yet */
  gboolean is_launched;
  cudaEvent_t start, done;
} GpuJob;

/* The jobs of one direction. Their lists lie in a ring of twice the blocks that can be under way,
 * so that none is cut in two. */
typedef struct {
  GQueue jobs; /* of GpuJob: in their order */
  cudaStream_t stream;
  gint32 *lists; /* pinned */
  guint32 next;
  guint32 blocks; /* under way */
  gint64 free_ps; /* when the job before the first one ended; 0: there was none */
} Way;

struct GpuJobs {
  GpuCopies *copies;
  DiskCopies *disk; /* NULL: there is none */
  guint32 room;     /* blocks that can be under way in a direction: each has a place on the host */
  Way ways[WAYS];
};

static guint32
room_of(const DeviceSetup *setup)
{
  return setup->copies_beside ? setup->num_host_blocks + setup->num_through_blocks : 0;
}

static gsize
lists_bytes(const DeviceSetup *setup)
{
  return 2 * (gsize)room_of(setup) * sizeof(gint32);
}

void
gpu_jobs_add_needs(const DeviceSetup *setup, Budget *budget)
{
  budget_add(budget, "lists of copies beside the steps", WAYS * lists_bytes(setup));
}

static void
job_free(GpuJob *job)
{
  if (job->start != NULL)
    cudaEventDestroy(job->start);
  if (job->done != NULL)
    cudaEventDestroy(job->done);
  g_array_unref(job->blocks);
  g_free(job);
}

static gboolean
open_way(Way *way, gsize list_bytes, GError **error)
{
  cudaError_t status = cudaStreamCreateWithFlags(&way->stream, cudaStreamNonBlocking);

  if (status != cudaSuccess)
    return gpu_fail(error, (int)status, "making a stream of copies");
  way->lists = gpu_allocate_host(list_bytes, FALSE, "lists of copies beside the steps", error);
  return way->lists != NULL;
}

static void
close_way(Way *way)
{
  if (way->stream != NULL) {
    cudaStreamSynchronize(way->stream);
    cudaStreamDestroy(way->stream);
  }
  g_queue_clear_full(&way->jobs, (GDestroyNotify)job_free);
  gpu_free_host(way->lists, FALSE);
}

static gboolean
open_disk(GpuJobs *self, const DeviceSetup *setup, const KvGeometry *geometry, GError **error)
{
  const DiskCopiesSetup disk = {
      .num_blocks = setup->num_disk_blocks,
      .block_bytes = kv_geometry_block_bytes(geometry),
      .host = gpu_copies_host(self->copies),
      .clock = CLOCK_MONOTONIC,
  };

  if (setup->num_disk_blocks == 0)
    return TRUE;
  self->disk = disk_copies_new(&disk, error);
  return self->disk != NULL;
}

GpuJobs *
gpu_jobs_new(const DeviceSetup *setup, const KvGeometry *geometry, GpuCopies *copies,
             GError **error)
{
  GpuJobs *self = g_new0(GpuJobs, 1);

  self->copies = copies;
  self->room = room_of(setup);
  for (guint w = 0; w < WAYS; w++)
    g_queue_init(&self->ways[w].jobs);
  if (open_way(&self->ways[COPY_OUT], lists_bytes(setup), error) &&
      open_way(&self->ways[COPY_IN], lists_bytes(setup), error) &&
      open_disk(self, setup, geometry, error))
    return self;
  gpu_jobs_free(self);
  return NULL;
}

void
gpu_jobs_free(GpuJobs *self)
{
  if (self == NULL)
    return;
  for (guint w = 0; w < WAYS; w++)
    close_way(&self->ways[w]);
  disk_copies_free(self->disk);
  g_free(self);
}

/* Room for a list of n blocks; NULL: more are under way than the host has places for. */
static gint32 *
take_list(const GpuJobs *self, Way *way, guint n)
{
  gint32 *list;

  if (n > self->room - way->blocks)
    return NULL;
  if (way->next + n > 2 * self->room)
    way->next = 0;
  list = way->lists + way->next;
  way->next += n;
  way->blocks += n;
  return list;
}

static gboolean
make_events(GpuJob *job, GError **error)
{
  cudaError_t status = cudaEventCreate(&job->start);

  if (status == cudaSuccess)
    status = cudaEventCreate(&job->done);
  return status == cudaSuccess || gpu_fail(error, (int)status, "making an event of a copy");
}

static gboolean
begin_job(GpuJobs *self, const StepPlan *plan, const CopyJob *made, gint64 now_ps, GError **error)
{
  Way *way = &self->ways[made->direction];
  GpuJob *job = g_new0(GpuJob, 1);

  job->blocks = g_array_new(FALSE, FALSE, sizeof(BlockCopy));
  g_array_append_vals(job->blocks, &g_array_index(plan->job_blocks, BlockCopy, made->first),
                      made->n);
  job->begin_ps = now_ps;
  job->end_ps = G_MAXINT64;
  if (g_queue_is_empty(&way->jobs))
    way->free_ps = 0;
  g_queue_push_tail(&way->jobs, job);
  job->list = take_list(self, way, made->n);
  if (job->list == NULL) {
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_SHAPE,
                "copies beside the steps: %u blocks are under way and %u begin, and the host has "
                "places for %u: they were not made",
                way->blocks, made->n, self->room);
    return FALSE;
  }
  for (guint i = 0; i < job->blocks->len; i++)
    job->list[i] = g_array_index(job->blocks, BlockCopy, i).device_block;
  return make_events(job, error);
}

gboolean
gpu_jobs_begin(GpuJobs *self, const StepPlan *plan, gint64 now_ps, gint64 *beside_ns,
               GError **error)
{
  gint64 start_ns = live_now_ns();

  for (guint i = 0; i < plan->jobs->len; i++) {
    const CopyJob *job = &g_array_index(plan->jobs, CopyJob, i);
    if (job->direction < COPY_TO_DISK ? !begin_job(self, plan, job, now_ps, error)
                                      : !disk_copies_begin(self->disk, plan, job, now_ps, error))
      return FALSE;
  }
  *beside_ns = live_now_ns() - start_ns;
  return TRUE;
}

static int
launch(const GpuJobs *self, CopyDirection direction, GpuJob *job)
{
  cudaStream_t stream = self->ways[direction].stream;
  int status = (int)cudaEventRecord(job->start, stream);

  job->is_launched = TRUE;
  if (status == 0)
    status = gpu_copies_enqueue(self->copies, job->blocks, job->list, direction == COPY_IN, stream);
  return status != 0 ? status : (int)cudaEventRecord(job->done, stream);
}

gboolean
gpu_jobs_launch(GpuJobs *self, GError **error)
{
  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++)
    for (GList *link = self->ways[d].jobs.head; link != NULL; link = link->next) {
      GpuJob *job = link->data;
      int status = job->is_launched ? 0 : launch(self, d, job);
      if (status != 0)
        return gpu_fail(error, status, "copying blocks beside a step");
    }
  return TRUE;
}

/* Sets when the way's first job ended, if its event is done. waits: waits for the event. */
static gboolean
find_end(Way *way, gboolean waits, GError **error)
{
  GpuJob *job = g_queue_peek_head(&way->jobs);
  cudaError_t status;
  float ms = 0;

  if (job == NULL || job->end_ps < G_MAXINT64)
    return TRUE;
  status = waits ? cudaEventSynchronize(job->done) : cudaEventQuery(job->done);
  if (status == cudaErrorNotReady) {
    cudaGetLastError(); /* no error: the next call must not report it */
    return TRUE;
  }
  if (status == cudaSuccess)
    status = cudaEventElapsedTime(&ms, job->start, job->done);
  if (status != cudaSuccess)
    return gpu_fail(error, (int)status, "waiting for a copy beside the steps");
  job->took_ps = MAX((gint64)((double)ms * 1e6), 1) * PS_PER_NS;
  job->end_ps = way->free_ps = MAX(job->begin_ps, way->free_ps) + job->took_ps;
  return TRUE;
}

static gboolean
end_way(GpuJobs *self, CopyDirection direction, gint64 now_ps, CopiesEnded *ended, GError **error)
{
  Way *way = &self->ways[direction];

  for (;;) {
    GpuJob *job;
    if (!find_end(way, FALSE, error))
      return FALSE;
    job = g_queue_peek_head(&way->jobs);
    if (job == NULL || job->end_ps > now_ps)
      return TRUE;
    way->blocks -= job->blocks->len;
    ended->ended[direction]++;
    ended->blocks[direction] += job->blocks->len;
    ended->took_ps[direction] += job->took_ps;
    job_free(g_queue_pop_head(&way->jobs));
  }
}

/* Sets *next_ps to the next end in either direction, and waits for it; G_MAXINT64: none is under
 * way. */
static gboolean
wait_for_next(GpuJobs *self, gint64 *next_ps, GError **error)
{
  *next_ps = self->disk != NULL ? disk_copies_next_end_ps(self->disk) : G_MAXINT64;
  for (guint w = 0; w < WAYS; w++) {
    const GpuJob *job;
    if (!find_end(&self->ways[w], TRUE, error))
      return FALSE;
    job = g_queue_peek_head(&self->ways[w].jobs);
    if (job != NULL)
      *next_ps = MIN(*next_ps, job->end_ps);
  }
  return TRUE;
}

gboolean
gpu_jobs_end(GpuJobs *self, gint64 now_ps, gboolean waits, CopiesEnded *ended, GError **error)
{
  gint64 next_ps = G_MAXINT64;

  if (waits && !wait_for_next(self, &next_ps, error))
    return FALSE;
  if (next_ps < G_MAXINT64)
    ended->waited_ps = MAX(0, next_ps - now_ps);
  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++)
    if (!end_way(self, d, now_ps + ended->waited_ps, ended, error))
      return FALSE;
  return self->disk == NULL || disk_copies_end(self->disk, now_ps + ended->waited_ps, ended, error);
}
