/* KV copies by every method, out of the pool and into it, pinned and pageable. Every byte must be
 * right, also those around what is copied.
 *
 * The method, direction and kind of memory follow from the case's number; layouts are random, and
 * from LARGE_BEGIN on those of models.
 */
#include "check.h"
#include "kv_copy_cases.h"
#include "random_data.h"

#include <cuda_runtime_api.h>

enum { WAYS = 16, LARGE_BEGIN = 5 * WAYS, LARGE_LAYOUTS = 2 };

/* A block of llama-2-7b's: K and V of each layer a piece, and whole. */
static const KvLayout large_layouts[LARGE_LAYOUTS] = {
    {.piece_bytes = 128 << 10, .num_pieces = 64},
    {.piece_bytes = 8 << 20, .num_pieces = 1},
};

typedef struct {
  KvCopyMethod method;
  gboolean to_pool, pageable;
} Way;

/* Method, direction and memory of a case; the kernel only works on pinned memory. */
static Way
choose_way(guint number)
{
  const Way way = {
      .method = (KvCopyMethod)(number % KV_COPY_NUM_METHODS),
      .to_pool = number / KV_COPY_NUM_METHODS % 2 == 1,
      .pageable = number / KV_COPY_NUM_METHODS / 2 % 2 == 1 &&
                  number % KV_COPY_NUM_METHODS != KV_COPY_KERNEL,
  };

  return way;
}

static KvCopyCase *
make_case(GRand *rand, guint number)
{
  KvLayout layout;
  const gsize num_blocks = 3, pool_blocks = 6;

  if (number < LARGE_BEGIN)
    return kv_copy_case_new(rand);
  layout = large_layouts[(number - LARGE_BEGIN) / WAYS];
  layout.block_stride_bytes = layout.piece_bytes;
  layout.piece_stride_bytes = layout.piece_bytes * pool_blocks;
  return kv_copy_case_new_of(rand, &layout, pool_blocks, num_blocks);
}

/* Whether the driver refuses pageable memory in a batch: then nothing was copied. Clears the error.
 */
static gboolean
is_refused(const Way *way, int status)
{
  if (way->method != KV_COPY_BATCH || !way->pageable || status != cudaErrorInvalidValue)
    return FALSE;
  (void)cudaGetLastError();
  return TRUE;
}

static void
copy_case(const CheckContext *context, GRand *rand, const KvCopyCase *c, const Way *way,
          CheckCase *result)
{
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  g_autofree guint8 *expected = way->to_pool ? kv_copy_case_scattered(c) : kv_copy_case_gathered(c);
  g_autofree guint8 *pool = g_malloc(c->pool_bytes), *buffer = g_malloc(c->buffer_bytes);
  const gsize list_bytes = c->num_blocks * sizeof *c->block_list;
  KvCopy copy = {
      .method = way->method,
      .to_pool = way->to_pool,
      .layout = &c->layout,
      .num_blocks = c->num_blocks,
      .max_thread_blocks = 8 * (unsigned)g_rand_int_range(rand, 0, 3),
      .buffer_is_settled = g_rand_boolean(rand),
      .pool = check_memory_upload(memory, c->pool, c->pool_bytes, CHECK_OUTPUT, "KV pool"),
      .buffer = check_memory_add_host(memory, way->pageable, c->buffer, c->buffer_bytes,
                                      CHECK_OUTPUT, "host buffer"),
      .block_list = check_memory_add_host(memory, FALSE, c->block_list, list_bytes, CHECK_INPUT,
                                          "block list"),
      .staging = way->method == KV_COPY_STAGED
                     ? check_memory_add(memory, c->buffer_bytes, CHECK_INPUT, "staging buffer")
                     : NULL,
  };

  if (check_memory_problem(memory) == NULL) {
    const int status = kv_copy(&copy, check_memory_stream(memory));
    if (is_refused(way, status)) {
      result->refused = "batches with pageable memory";
      return;
    }
    check_memory_called(memory, status, "kv_copy");
  }
  check_memory_settle(memory);
  check_memory_download(memory, pool, copy.pool, c->pool_bytes);
  check_memory_download(memory, buffer, copy.buffer, c->buffer_bytes);
  check_case_compare_bytes(result, pool, way->to_pool ? expected : c->pool, c->pool_bytes,
                           "KV pool");
  check_case_compare_bytes(result, buffer, way->to_pool ? c->buffer : expected, c->buffer_bytes,
                           "host buffer");
  check_case_end(result, memory);
}

static void
run(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  g_autoptr(KvCopyCase) c = make_case(rand, number);
  const KvLayout *layout = &c->layout;
  const Way way = choose_way(number);

  result->shape =
      g_strdup_printf("%s %s %s memory, %" G_GSIZE_FORMAT " blocks of %u pieces of %" G_GSIZE_FORMAT
                      " bytes, strides %" G_GSIZE_FORMAT "/%" G_GSIZE_FORMAT,
                      kv_copy_method_name(way.method), way.to_pool ? "from" : "to",
                      way.pageable ? "pageable" : "pinned", c->num_blocks, layout->num_pieces,
                      layout->piece_bytes, layout->block_stride_bytes, layout->piece_stride_bytes);
  copy_case(context, rand, c, &way, result);
}

const KernelCheck check_kv_copy = {
    .name = "kv-copy",
    .num_cases = {WAYS, 3 * WAYS, LARGE_BEGIN + LARGE_LAYOUTS *WAYS},
    .run = run,
};
