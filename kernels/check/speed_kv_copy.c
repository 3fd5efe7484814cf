/* KV copies of one list by every method: large pieces, and the small ones of engines that have a
 * pool for each layer. */
#include "speed.h"

#include "kernels/kv_copy.h"
#include "random_data.h"

#define LINK_BYTES_OF_TARGET 55e9 /* of a link of PCIe 5.0, 16 lanes wide */

typedef struct {
  KvCopyMethod method;
  gboolean to_pool, pageable;
  gsize piece_bytes, num_blocks;
  guint32 num_pieces;
  SpeedTarget target;
} Form;

static int
call_kv_copy(void *data, uint32_t turn, struct CUstream_st *stream)
{
  (void)turn;
  return kv_copy(data, stream);
}

/* Random blocks, in random order, of a pool twice as large as what is copied. */
static gint32 *
draw_blocks(GRand *rand, gsize num_blocks)
{
  gint32 *blocks = g_new(gint32, num_blocks);

  for (gsize i = 0; i < num_blocks; i++)
    blocks[i] = (gint32)(2 * i) + g_rand_int_range(rand, 0, 2);
  for (gsize i = num_blocks; i-- > 1;) {
    const gsize other = (gsize)g_rand_int_range(rand, 0, (gint32)i + 1);
    const gint32 block = blocks[i];
    blocks[i] = blocks[other];
    blocks[other] = block;
  }
  return blocks;
}

static void
measure(SpeedContext *context, const Form *form)
{
  g_autoptr(CheckMemory) memory = check_memory_new(NULL);
  const gsize num_blocks = speed_shrunk(context, (guint32)form->num_blocks);
  const gsize pool_blocks = 2 * num_blocks;
  const gsize num_bytes = num_blocks * form->num_pieces * form->piece_bytes;
  const KvLayout layout = {.piece_bytes = form->piece_bytes,
                           .num_pieces = form->num_pieces,
                           .block_stride_bytes = form->piece_bytes,
                           .piece_stride_bytes = form->piece_bytes * pool_blocks};
  g_autofree gint32 *blocks = draw_blocks(context->rand, num_blocks);
  g_autofree guint8 *bytes = g_malloc(num_bytes);

  random_bytes(context->rand, bytes, num_bytes);
  KvCopy copy = {
      .method = form->method,
      .to_pool = form->to_pool,
      .layout = &layout,
      .num_blocks = num_blocks,
      .pool = speed_random(context, memory, DTYPE_BF16,
                           pool_blocks * form->num_pieces * form->piece_bytes, "KV pool"),
      .buffer = check_memory_add_host(memory, form->pageable, bytes, num_bytes, CHECK_INPUT,
                                      "host buffer"),
      .block_list = check_memory_add_host(memory, FALSE, blocks, num_blocks * sizeof *blocks,
                                          CHECK_INPUT, "block list"),
      .staging = form->method == KV_COPY_STAGED
                     ? check_memory_add(memory, num_bytes, CHECK_INPUT, "staging buffer")
                     : NULL,
      .buffer_is_settled = true,
  };
  const TimingRequest request = {
      .call = call_kv_copy, .data = &copy, .is_synchronous = form->pageable};
  const Ceilings *ceilings = &context->ceilings;
  g_autofree char *text =
      g_strdup_printf("%s %s %s host, %" G_GSIZE_FORMAT " pieces of %" G_GSIZE_FORMAT " KiB",
                      kv_copy_method_name(form->method), form->to_pool ? "from" : "to",
                      form->pageable ? "pageable" : "pinned", num_blocks * form->num_pieces,
                      form->piece_bytes / 1024);
  SpeedRow row = {
      .kernel = "kv-copy",
      .shape = text,
      .unit = SPEED_BYTES,
      .work = (double)num_bytes,
      .ceiling = "link",
      .ideal_ns = speed_ideal_ns((double)num_bytes,
                                 form->to_pool ? ceilings->h2d_bytes : ceilings->d2h_bytes),
      .target = form->target,
  };

  speed_measure(context, memory, &request, &row);
}

static void
measure_both_ways(SpeedContext *context, Form form)
{
  measure(context, &form);
  form.to_pool = !form.to_pool;
  measure(context, &form);
}

void
speed_kv_copy(SpeedContext *context)
{
  const SpeedTarget large = {.must = 0.95, .good = 0.98};
  const SpeedTarget small = {.must = 35e9 / LINK_BYTES_OF_TARGET,
                             .good = 42e9 / LINK_BYTES_OF_TARGET,
                             .aim = 46e9 / LINK_BYTES_OF_TARGET};

  for (guint method = 0; method < (context->quick ? 1 : KV_COPY_NUM_METHODS); method++)
    measure_both_ways(context, (Form){.method = (KvCopyMethod)method,
                                      .piece_bytes = 2 << 20,
                                      .num_blocks = 128,
                                      .num_pieces = 1,
                                      .target = large});
  if (context->quick)
    return;
  for (guint method = 0; method < KV_COPY_NUM_METHODS; method++)
    measure_both_ways(context, (Form){.method = (KvCopyMethod)method,
                                      .piece_bytes = 32 << 10,
                                      .num_blocks = 64,
                                      .num_pieces = 64,
                                      .target = method == KV_COPY_BATCH || method == KV_COPY_KERNEL
                                                    ? small
                                                    : (SpeedTarget){0}});
  for (guint method = 0; method < KV_COPY_NUM_METHODS; method++)
    if (method != KV_COPY_KERNEL)
      measure_both_ways(context, (Form){.method = (KvCopyMethod)method,
                                        .pageable = TRUE,
                                        .piece_bytes = 2 << 20,
                                        .num_blocks = 32,
                                        .num_pieces = 1});
}
