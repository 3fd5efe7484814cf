/* The copy that others are held against copies every byte. */
#include "check.h"
#include "kernels/timing.h"
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

const KernelCheck check_stream_copy = {
    .name = "stream-copy",
    .num_cases = {3, 4, 6},
    .run = run,
};
