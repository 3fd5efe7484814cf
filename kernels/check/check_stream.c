/* The streaming copy copies every byte. A chain of such copies, each of what the one before wrote,
 * checks that kernels which are launched ahead wait for the kernel before. */
#include "check.h"
#include "kernels/timing.h"
#include "kernels/without.h"
#include "random_data.h"

static void
run(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  static const gsize sizes[] = {16, 4096, 65536 + 16, 1 << 20, (64 << 20) + 48, 16 * 12345};
  const gsize num_bytes = sizes[number];
  g_autofree guint8 *from = g_malloc(num_bytes), *found = g_malloc(num_bytes);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);

  random_bytes(rand, from, num_bytes);
  void *memory_on_gpu = check_memory_upload(memory, from, num_bytes, CHECK_INPUT, "memory");
  void *copy = check_memory_add(memory, num_bytes, CHECK_OUTPUT, "copy");
  result->shape = g_strdup_printf("%" G_GSIZE_FORMAT " bytes", num_bytes);
  if (check_memory_problem(memory) == NULL)
    check_memory_called(memory,
                        stream_copy(memory_on_gpu, copy, num_bytes, check_memory_stream(memory)),
                        "stream_copy");
  check_memory_settle(memory);
  check_memory_download(memory, found, copy, num_bytes);
  check_case_compare_bytes(result, found, from, num_bytes, "copy");
  check_case_end(result, memory);
}

enum { CHAIN = 12 };

/* Copies from buffer to buffer; where a kernel did not wait, the last one has old data. */
static void
run_chain(const CheckContext *context, guint number, GRand *rand, CheckCase *result)
{
  static const gsize sizes[] = {16, 4096, 1 << 20, (16 << 20) + 48, 48 << 20, 16 * 12345};
  const gsize num_bytes = sizes[number];
  g_autofree guint8 *from = g_malloc(num_bytes), *found = g_malloc(num_bytes);
  g_autoptr(CheckMemory) memory = check_memory_new(context->tamper);
  void *buffers[CHAIN];

  random_bytes(rand, from, num_bytes);
  void *first = check_memory_upload(memory, from, num_bytes, CHECK_INPUT, "memory");
  for (guint i = 0; i < CHAIN; i++)
    buffers[i] =
        check_memory_add(memory, num_bytes, i + 1 < CHAIN ? CHECK_INPUT : CHECK_OUTPUT, "copy");
  result->shape = g_strdup_printf("%d copies of %" G_GSIZE_FORMAT " bytes", CHAIN, num_bytes);
  for (guint i = 0; i < CHAIN && check_memory_problem(memory) == NULL; i++)
    check_memory_called(memory,
                        stream_copy(i == 0 ? first : buffers[i - 1], buffers[i], num_bytes,
                                    check_memory_stream(memory)),
                        "stream_copy");
  check_memory_settle(memory);
  check_memory_download(memory, found, buffers[CHAIN - 1], num_bytes);
  check_case_compare_bytes(result, found, from, num_bytes, "the last copy");
  check_case_end(result, memory);
}

static const char *
lacks_launch_ahead(const CheckContext *context)
{
  (void)context;
  return kernels_without(WITHOUT_LAUNCH_AHEAD) ? KERNELS_WITHOUT " leaves it out" : NULL;
}

const KernelCheck check_launch_ahead = {
    .name = "launch-ahead",
    .num_cases = {2, 4, 6},
    .lacks = lacks_launch_ahead,
    .run = run_chain,
};
const KernelCheck check_stream_copy = {
    .name = "stream-copy",
    .num_cases = {3, 4, 6},
    .run = run,
};
