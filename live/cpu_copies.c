#include "config.h"

#include "cpu_copies.h"

#include <string.h>

#include "clock.h"
#include "copy_jobs.h"
#include "disk_copies.h"
#include "random.h"

struct CpuCopies {
  const KvGeometry *geometry;
  KvLayout layout;
  gsize block_bytes;
  char *pool, *host;  /* 16-byte aligned */
  guint64 *host_sums; /* one a host block */
  GArray *block_list; /* of gint32 */
  GArray *back_sums;  /* of guint64: of blocks that come back layer by layer, so far */
  CopyJobs jobs;
  gint64 copy_ns;   /* time of a block's copy beside the steps; 0: as measured */
  DiskCopies *disk; /* NULL: there is none */
};

/* Fills the pool with 0xff: every element is NaN. */
static char *
allocate_pool(gsize bytes, const char *what, GError **error)
{
  char *pool = aligned_alloc(KV_COPY_VECTOR_BYTES, MAX(bytes, KV_COPY_VECTOR_BYTES));

  if (pool == NULL)
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_MEMORY,
                "there is no memory for %.1f MiB of KV blocks of the %s; give fewer blocks",
                (double)bytes / (1024 * 1024), what);
  else
    memset(pool, 0xff, bytes);
  return pool;
}

static gboolean
open_disk(CpuCopies *self, const DeviceSetup *setup, GError **error)
{
  const DiskCopiesSetup disk = {
      .num_blocks = setup->num_disk_blocks,
      .block_bytes = self->block_bytes,
      .host = self->host,
      .host_sums = self->host_sums,
      .clock = CLOCK_THREAD_CPUTIME_ID,
      .copy_ns = setup->copy_ns,
  };

  if (setup->num_disk_blocks == 0)
    return TRUE;
  self->disk = disk_copies_new(&disk, error);
  return self->disk != NULL;
}

CpuCopies *
cpu_copies_new(const DeviceSetup *setup, const KvGeometry *geometry, GError **error)
{
  CpuCopies *self = g_new0(CpuCopies, 1);
  guint32 host_blocks = setup->num_host_blocks + setup->num_through_blocks;
  gboolean is_valid;

  self->geometry = geometry;
  self->block_bytes = kv_geometry_block_bytes(geometry);
  self->copy_ns = setup->copy_ns;
  self->block_list = g_array_new(FALSE, FALSE, sizeof(gint32));
  self->back_sums = g_array_new(FALSE, TRUE, sizeof(guint64));
  copy_jobs_init(&self->jobs);
  is_valid = kv_geometry_layout(geometry, &self->layout);
  g_assert(is_valid);
  self->host_sums = g_new0(guint64, MAX(host_blocks, 1));
  if ((self->pool = allocate_pool(kv_geometry_pool_bytes(geometry), "device", error)) != NULL &&
      (self->host = allocate_pool(self->block_bytes * host_blocks, "host", error)) != NULL &&
      open_disk(self, setup, error))
    return self;
  cpu_copies_free(self);
  return NULL;
}

void
cpu_copies_free(CpuCopies *self)
{
  if (self == NULL)
    return;
  disk_copies_free(self->disk);
  copy_jobs_clear(&self->jobs);
  g_array_unref(self->block_list);
  g_array_unref(self->back_sums);
  free(self->pool);
  free(self->host);
  g_free(self->host_sums);
  g_free(self);
}

char *
cpu_copies_pool(const CpuCopies *self)
{
  return self->pool;
}

/* The checksum of a block, whose layers before this one sum up to `sum`, with this one's KV in the
 * device's pool, as attention finds it. */
static guint64
add_layer(const CpuCopies *self, gint32 block, guint32 layer, guint64 sum)
{
  const PagedKv kv = kv_geometry_layer(self->geometry, self->pool, layer);
  const void *const parts[] = {kv.k, kv.v};
  gsize n = (gsize)kv.kv_heads * kv.block_size * kv.head_dim;

  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    const float *part = (const float *)parts[i] + (gsize)block * kv.block_stride;
    for (gsize j = 0; j < n; j++) {
      guint32 bits;
      memcpy(&bits, &part[j], sizeof bits);
      sum = random_key(sum, bits);
    }
  }
  return sum;
}

/* A checksum of a block's KV in the device's pool, layer by layer as attention reads it. */
static guint64
checksum(const CpuCopies *self, gint32 block)
{
  guint64 sum = 0;

  for (guint32 layer = 0; layer < self->geometry->layers; layer++)
    sum = add_layer(self, block, layer, sum);
  return sum;
}

/* The device blocks of a row of copies. */
static const gint32 *
device_blocks(CpuCopies *self, const BlockCopy *copies, guint n)
{
  g_array_set_size(self->block_list, 0);
  for (guint i = 0; i < n; i++)
    g_array_append_val(self->block_list, copies[i].device_block);
  return (const gint32 *)(gconstpointer)self->block_list->data;
}

static char *
host_place(const CpuCopies *self, const BlockCopy *copy)
{
  return self->host + (gsize)copy->host_block * self->block_bytes;
}

static gboolean
check_sum(const CpuCopies *self, const BlockCopy *copy, guint64 sum, GError **error)
{
  if (sum == self->host_sums[copy->host_block])
    return TRUE;
  g_set_error(error, LIVE_ERROR, LIVE_ERROR_COPY,
              "request %u of the trace: the KV that came back from host block %d to device "
              "block %d is not what was copied out",
              copy->request, copy->host_block, copy->device_block);
  return FALSE;
}

static gboolean
check_back(const CpuCopies *self, const BlockCopy *copy, GError **error)
{
  return check_sum(self, copy, checksum(self, copy->device_block), error);
}

void
cpu_copies_out(CpuCopies *self, const GArray *list)
{
  for (guint i = 0, n = 0; i < list->len; i += n) {
    const BlockCopy *first = &g_array_index(list, BlockCopy, i);
    n = step_plan_copy_row(list, i);
    kv_gather_reference(&self->layout, self->pool, device_blocks(self, first, n), n,
                        host_place(self, first));
  }
  for (guint i = 0; i < list->len; i++) {
    const BlockCopy *copy = &g_array_index(list, BlockCopy, i);
    self->host_sums[copy->host_block] = checksum(self, copy->device_block);
  }
}

gboolean
cpu_copies_in(CpuCopies *self, const GArray *list, GError **error)
{
  for (guint i = 0, n = 0; i < list->len; i += n) {
    const BlockCopy *first = &g_array_index(list, BlockCopy, i);
    n = step_plan_copy_row(list, i);
    kv_scatter_reference(&self->layout, self->pool, device_blocks(self, first, n), n,
                         host_place(self, first));
  }
  for (guint i = 0; i < list->len; i++)
    if (!check_back(self, &g_array_index(list, BlockCopy, i), error))
      return FALSE;
  return TRUE;
}

static gboolean
is_copied_out(const StepPlan *plan, gint32 device_block)
{
  for (guint i = 0; i < plan->copies_out->len; i++)
    if (g_array_index(plan->copies_out, BlockCopy, i).device_block == device_block)
      return TRUE;
  return FALSE;
}

void
cpu_copies_begin_layers(CpuCopies *self, const StepPlan *plan)
{
  g_autofree char *nothing = g_malloc(self->block_bytes);

  memset(nothing, 0xff, self->block_bytes);
  for (guint i = 0; i < plan->copies_in->len; i++) {
    gint32 block = g_array_index(plan->copies_in, BlockCopy, i).device_block;
    if (!is_copied_out(plan, block))
      kv_scatter_reference(&self->layout, self->pool, &block, 1, nothing);
  }
  g_array_set_size(self->back_sums, 0);
  g_array_set_size(self->back_sums, plan->copies_in->len);
  for (guint i = 0; i < plan->copies_out->len; i++)
    self->host_sums[g_array_index(plan->copies_out, BlockCopy, i).host_block] = 0;
}

/* K and V of one layer, in the pool and in a block on the host. */
static KvLayout
layer_layout(const CpuCopies *self, guint32 layer, gsize *in_pool, gsize *in_block)
{
  KvLayout layout = self->layout;

  g_assert(self->geometry->form == KV_BY_LAYER);
  layout.num_pieces = 2;
  layout.buffer_block_bytes = self->block_bytes;
  *in_pool = (gsize)2 * layer * self->layout.piece_stride_bytes;
  *in_block = (gsize)2 * layer * self->layout.piece_bytes;
  return layout;
}

void
cpu_copies_layer_out(CpuCopies *self, const StepPlan *plan, guint32 layer)
{
  gsize in_pool, in_block;
  const KvLayout layout = layer_layout(self, layer, &in_pool, &in_block);

  for (guint i = 0; i < plan->copies_out->len; i++) {
    const BlockCopy *copy = &g_array_index(plan->copies_out, BlockCopy, i);
    guint64 *sum = &self->host_sums[copy->host_block];
    kv_gather_reference(&layout, self->pool + in_pool, &copy->device_block, 1,
                        host_place(self, copy) + in_block);
    *sum = add_layer(self, copy->device_block, layer, *sum);
  }
}

gboolean
cpu_copies_layer_in(CpuCopies *self, const StepPlan *plan, guint32 layer, GError **error)
{
  gboolean is_last = layer + 1 == self->geometry->layers;
  gsize in_pool, in_block;
  const KvLayout layout = layer_layout(self, layer, &in_pool, &in_block);

  for (guint i = 0; i < plan->copies_in->len; i++) {
    const BlockCopy *copy = &g_array_index(plan->copies_in, BlockCopy, i);
    guint64 *sum = &g_array_index(self->back_sums, guint64, i);
    kv_scatter_reference(&layout, self->pool + in_pool, &copy->device_block, 1,
                         host_place(self, copy) + in_block);
    *sum = add_layer(self, copy->device_block, layer, *sum);
    if (is_last && !check_sum(self, copy, *sum, error))
      return FALSE;
  }
  return TRUE;
}

/* Reads block i of the job. A host block that the job writes is NaN until it has ended. */
static void
begin_block(CpuCopies *self, LiveJob *job, guint i)
{
  const BlockCopy *copy = &job->blocks[i];
  char *bytes = job->bytes + i * self->block_bytes, *place = host_place(self, copy);

  if (job->direction == COPY_OUT) {
    kv_gather_reference(&self->layout, self->pool, &copy->device_block, 1, bytes);
    memset(place, 0xff, self->block_bytes);
  } else {
    memcpy(bytes, place, self->block_bytes);
  }
}

static void
begin_job(CpuCopies *self, const StepPlan *plan, const CopyJob *made, gint64 now_ps)
{
  LiveJob *job = live_job_new(plan, made, self->block_bytes);
  gint64 start_ns = live_worked_ns(), took_ns;
  g_autofree char *nothing = g_malloc(self->block_bytes);

  for (guint i = 0; i < job->n; i++)
    begin_block(self, job, i);
  took_ns = self->copy_ns > 0 ? self->copy_ns * job->n : live_worked_ns() - start_ns;
  memset(nothing, 0xff, self->block_bytes);
  for (guint i = 0; i < job->n; i++)
    if (job->direction == COPY_OUT)
      job->sums[i] = checksum(self, job->blocks[i].device_block);
    else
      kv_scatter_reference(&self->layout, self->pool, &job->blocks[i].device_block, 1, nothing);
  copy_jobs_add(&self->jobs, job, now_ps, took_ns);
}

gboolean
cpu_copies_begin(CpuCopies *self, const StepPlan *plan, gint64 now_ps, GError **error)
{
  for (guint i = 0; i < plan->jobs->len; i++) {
    const CopyJob *job = &g_array_index(plan->jobs, CopyJob, i);
    if (job->direction < COPY_TO_DISK)
      begin_job(self, plan, job, now_ps);
    else if (!disk_copies_begin(self->disk, plan, job, now_ps, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
end_block_out(CpuCopies *self, const LiveJob *job, guint i, GError **error)
{
  const BlockCopy *copy = &job->blocks[i];

  if (checksum(self, copy->device_block) != job->sums[i]) {
    g_set_error(error, LIVE_ERROR, LIVE_ERROR_COPY,
                "request %u of the trace: device block %d was written while it was copied to host "
                "block %d",
                copy->request, copy->device_block, copy->host_block);
    return FALSE;
  }
  memcpy(host_place(self, copy), job->bytes + i * self->block_bytes, self->block_bytes);
  self->host_sums[copy->host_block] = job->sums[i];
  return TRUE;
}

static gboolean
end_block_in(CpuCopies *self, const LiveJob *job, guint i, GError **error)
{
  const BlockCopy *copy = &job->blocks[i];

  kv_scatter_reference(&self->layout, self->pool, &copy->device_block, 1,
                       job->bytes + i * self->block_bytes);
  return check_back(self, copy, error);
}

static gboolean
end_jobs(CpuCopies *self, gint64 now_ps, CopiesEnded *ended, GError **error)
{
  for (CopyDirection d = COPY_OUT; d <= COPY_IN; d++)
    for (;;) {
      g_autoptr(LiveJob) job = copy_jobs_take(&self->jobs, d, now_ps, ended);
      if (job == NULL)
        break;
      for (guint i = 0; i < job->n; i++)
        if (!(d == COPY_OUT ? end_block_out : end_block_in)(self, job, i, error))
          return FALSE;
    }
  return self->disk == NULL || disk_copies_end(self->disk, now_ps, ended, error);
}

gboolean
cpu_copies_end(CpuCopies *self, gint64 now_ps, gboolean waits, CopiesEnded *ended, GError **error)
{
  gint64 next_ps = copy_jobs_next_end_ps(&self->jobs);

  if (self->disk != NULL)
    next_ps = MIN(next_ps, disk_copies_next_end_ps(self->disk));
  if (waits && next_ps < G_MAXINT64)
    ended->waited_ps = MAX(0, next_ps - now_ps);
  return end_jobs(self, now_ps + ended->waited_ps, ended, error);
}
