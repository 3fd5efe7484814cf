#include "check_memory.h"

#include "half_floats.h"
#include "kernels/gemm.h"
#include "parallel.h"

#include <cuda_runtime_api.h>
#include <math.h>
#include <string.h>

enum { GUARD_BYTES = 1024, ALIGNMENT_BYTES = 256, POISON = 0xff, GUARD = 0xa5 };

typedef enum { ON_DEVICE, PINNED, PAGEABLE } Place;

/* An output is | GUARD_BYTES | num_bytes | GUARD_BYTES |. An input is an allocation of exactly its
 * bytes, so that compute-sanitizer, or the emulator's guard page, finds reads behind its end. */
typedef struct {
  guint8 *pages;
  gsize num_bytes;
  Place place;
  CheckUse use;
  const char *what;
} Region;

struct CheckMemory {
  const CheckTamper *tamper;
  cudaStream_t stream;
  GArray *regions; /* of Region */
  char *problem;
};

CheckMemory *
check_memory_new(const CheckTamper *tamper)
{
  CheckMemory *memory = g_new0(CheckMemory, 1);

  memory->tamper = tamper;
  memory->regions = g_array_new(FALSE, TRUE, sizeof(Region));
  check_memory_called(memory,
                      (int)cudaStreamCreateWithFlags(&memory->stream, cudaStreamNonBlocking),
                      "making a stream");
  return memory;
}

void
check_memory_free(CheckMemory *memory)
{
  if (memory->stream != NULL)
    cudaStreamSynchronize(memory->stream);
  for (guint i = 0; i < memory->regions->len; i++) {
    Region *region = &g_array_index(memory->regions, Region, i);
    if (region->place == ON_DEVICE)
      cudaFree(region->pages);
    else if (region->place == PINNED)
      cudaFreeHost(region->pages);
    else
      g_free(region->pages);
  }
  if (memory->stream != NULL)
    cudaStreamDestroy(memory->stream);
  g_array_unref(memory->regions);
  g_free(memory->problem);
  g_free(memory);
}

struct CUstream_st *
check_memory_stream(CheckMemory *memory)
{
  return memory->stream;
}

void
check_memory_called(CheckMemory *memory, int status, const char *what)
{
  if (status != 0 && memory->problem == NULL)
    memory->problem = g_strdup_printf("%s: %s", what, gemm_status_name(status));
}

static guint8 *
region_data(const Region *region)
{
  return region->pages + (region->use == CHECK_OUTPUT ? GUARD_BYTES : 0);
}

static gsize
region_bytes(const Region *region)
{
  if (region->use == CHECK_INPUT)
    return region->num_bytes;
  return 2 * GUARD_BYTES +
         (region->num_bytes + ALIGNMENT_BYTES - 1) / ALIGNMENT_BYTES * ALIGNMENT_BYTES;
}

static cudaError_t
allocate(Place place, gsize num_bytes, void **pages)
{
  if (place == ON_DEVICE)
    return cudaMalloc(pages, num_bytes);
  if (place == PINNED)
    return cudaMallocHost(pages, num_bytes);
  *pages = g_malloc(num_bytes);
  return cudaSuccess;
}

static cudaError_t
fill(CheckMemory *memory, const Region *region, guint8 *place, int value, gsize num_bytes)
{
  if (region->place == ON_DEVICE)
    return cudaMemsetAsync(place, value, num_bytes, memory->stream);
  memset(place, value, num_bytes);
  return cudaSuccess;
}

static void *
add(CheckMemory *memory, Place place, gsize num_bytes, CheckUse use, const char *what)
{
  Region region = {.num_bytes = num_bytes, .place = place, .use = use, .what = what};
  void *pages = NULL;
  cudaError_t status;

  if (num_bytes == 0 || memory->problem != NULL)
    return NULL;
  status = allocate(place, region_bytes(&region), &pages);
  region.pages = pages;
  if (status == cudaSuccess) {
    g_array_append_val(memory->regions, region);
    status = fill(memory, &region, region.pages, GUARD, region_bytes(&region));
    if (status == cudaSuccess)
      status = fill(memory, &region, region_data(&region), POISON, num_bytes);
  } else {
    cudaGetLastError(); /* reported here, so the next launch must not report it again */
  }
  check_memory_called(memory, (int)status, what);
  return memory->problem == NULL ? region_data(&region) : NULL;
}

void *
check_memory_add(CheckMemory *memory, gsize num_bytes, CheckUse use, const char *what)
{
  return add(memory, ON_DEVICE, num_bytes, use, what);
}

void *
check_memory_upload(CheckMemory *memory, const void *from, gsize num_bytes, CheckUse use,
                    const char *what)
{
  void *place = add(memory, ON_DEVICE, num_bytes, use, what);

  if (place != NULL) { /* `from` may go before it is copied */
    check_memory_called(
        memory,
        (int)cudaMemcpyAsync(place, from, num_bytes, cudaMemcpyHostToDevice, memory->stream), what);
    check_memory_called(memory, (int)cudaStreamSynchronize(memory->stream), what);
  }
  return place;
}

enum { CHUNK = 1 << 16 };

typedef struct {
  Dtype dtype;
  gsize count;
  const float *from_values;
  guint16 *halves; /* or */
  float *values;
} Conversion;

static void
convert(gpointer data, gsize chunk)
{
  const Conversion *c = data;
  const gsize end = MIN((chunk + 1) * CHUNK, c->count);

  for (gsize i = chunk * CHUNK; i < end; i++)
    if (c->from_values != NULL)
      c->halves[i] = half_from_float(c->dtype, c->from_values[i]);
    else
      c->values[i] = half_to_float(c->dtype, c->halves[i]);
}

void *
check_memory_upload_floats(CheckMemory *memory, Dtype dtype, const float *values, gsize count,
                           CheckUse use, const char *what)
{
  g_autofree guint16 *halves = g_new(guint16, count);
  Conversion conversion = {.dtype = dtype, .count = count, .from_values = values, .halves = halves};

  parallel_for((count + CHUNK - 1) / CHUNK, convert, &conversion);
  return check_memory_upload(memory, halves, count * sizeof *halves, use, what);
}

void *
check_memory_add_host(CheckMemory *memory, gboolean pageable, const void *from, gsize num_bytes,
                      CheckUse use, const char *what)
{
  void *place = add(memory, pageable ? PAGEABLE : PINNED, num_bytes, use, what);

  if (place != NULL)
    memcpy(place, from, num_bytes);
  return place;
}

static gboolean
is_guard(const guint8 *bytes, gsize num_bytes)
{
  for (gsize i = 0; i < num_bytes; i++)
    if (bytes[i] != GUARD)
      return FALSE;
  return TRUE;
}

/* Fails where the guard zones around an output have changed. */
static void
check_guards(CheckMemory *memory, const Region *region)
{
  const gsize tail_bytes = region_bytes(region) - GUARD_BYTES - region->num_bytes;
  const guint8 *tail = region_data(region) + region->num_bytes;
  guint8 guards[GUARD_BYTES + ALIGNMENT_BYTES + GUARD_BYTES];

  check_memory_download(memory, guards, region->pages, GUARD_BYTES);
  check_memory_download(memory, guards + GUARD_BYTES, tail, tail_bytes);
  if (memory->problem != NULL)
    return;
  if (!is_guard(guards, GUARD_BYTES))
    memory->problem = g_strdup_printf("%s: written before its beginning", region->what);
  else if (!is_guard(guards + GUARD_BYTES, tail_bytes))
    memory->problem = g_strdup_printf("%s: written behind its end", region->what);
}

void
check_memory_settle(CheckMemory *memory)
{
  if (memory->problem == NULL)
    check_memory_called(memory, (int)cudaStreamSynchronize(memory->stream), "running");
  for (guint i = 0; i < memory->regions->len && memory->problem == NULL; i++) {
    const Region *region = &g_array_index(memory->regions, Region, i);
    if (region->use == CHECK_INPUT)
      continue;
    if (memory->tamper != NULL)
      memory->tamper->damage(memory->tamper->data, region_data(region), region->num_bytes);
    check_guards(memory, region);
  }
}

void
check_memory_download(CheckMemory *memory, void *to, const void *from, gsize num_bytes)
{
  if (memory->problem == NULL && num_bytes > 0) {
    check_memory_called(
        memory, (int)cudaMemcpyAsync(to, from, num_bytes, cudaMemcpyDefault, memory->stream),
        "copying back");
    check_memory_called(memory, (int)cudaStreamSynchronize(memory->stream), "copying back");
  }
  if (memory->problem != NULL)
    memset(to, POISON, num_bytes);
}

float *
check_memory_download_floats(CheckMemory *memory, Dtype dtype, const void *from, gsize count)
{
  g_autofree guint16 *halves = g_new(guint16, count);
  float *values = g_new(float, count);
  Conversion conversion = {.dtype = dtype, .count = count, .halves = halves, .values = values};

  check_memory_download(memory, halves, from, count * sizeof *halves);
  parallel_for((count + CHUNK - 1) / CHUNK, convert, &conversion);
  return values;
}

const char *
check_memory_problem(const CheckMemory *memory)
{
  return memory->problem;
}
