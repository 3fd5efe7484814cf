/* The emulator's products of a warpgroup and barriers in shared memory: they give what plain loops
 * give, in every layout that a descriptor can name, and find the mistakes that they say they find.
 *
 * Matrices are laid out here as the tensor memory accelerator would write them, whose swizzles the
 * CUDA driver's manual shows as pictures (CU_TENSOR_MAP_SWIZZLE_*): lines of 16 to 128 bytes, in
 * which the 16-byte units change places with the line's number. The emulator's code does not share
 * a line with this.
 */
#include "kernels/device_sm90.h"

#include <glib.h>

namespace
{

constexpr unsigned ROWS = 64, DEPTH = 64, STEP = 16, UNIT = 8;
constexpr unsigned A_BYTES = ROWS * DEPTH * 2;

/* Lines of a matrix, each in pieces of `line_bytes`; all lines' first pieces come first. */
struct Layout {
  unsigned line_bytes, mode; /* as descriptors have it */
};
constexpr Layout LAYOUTS[] = {{128, 1}, {64, 2}, {32, 3}, {16, 0}};

unsigned
place_bytes(Layout layout, unsigned num_lines, unsigned line, unsigned along)
{
  const unsigned pieces = layout.line_bytes / 2, units = layout.line_bytes / 16;
  const unsigned unit = along % pieces / UNIT ^ line * layout.line_bytes / 128 % units;

  return along / pieces * num_lines * layout.line_bytes + line * layout.line_bytes + unit * 16 +
         along % UNIT * 2;
}

uint64_t
descriptor(const void *start, Layout layout, unsigned leading_bytes, unsigned stride_bytes)
{
  return (device_matrix_swizzled(start, leading_bytes, stride_bytes) & ~0ull >> 2) |
         (uint64_t)layout.mode << 62;
}

/* Of a matrix whose lines run along K, from k on. */
uint64_t
along_k(unsigned char *matrix, Layout layout, unsigned num_lines, unsigned k)
{
  return descriptor(matrix + k * 2 / layout.line_bytes * num_lines * layout.line_bytes +
                        k * 2 % layout.line_bytes,
                    layout, num_lines * layout.line_bytes, 8 * layout.line_bytes);
}

/* Whose lines run along N. Without a swizzle the two offsets change places. */
uint64_t
across_k(unsigned char *matrix, Layout layout, unsigned k)
{
  const unsigned piece = DEPTH * layout.line_bytes, eight = 8 * layout.line_bytes;

  return descriptor(matrix + k * layout.line_bytes, layout, layout.mode ? piece : eight,
                    layout.mode ? eight : piece);
}

template <unsigned columns>
void
write_sums(const float (&sums)[columns / 8][4], float *c)
{
  const unsigned row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, pair = threadIdx.x % 4 * 2;

  for (unsigned i = 0; i < columns / 2; i++)
    c[(row + i / 2 % 2 * 8) * columns + i / 4 * 8 + pair + i % 2] = sums[i / 4][i % 4];
}

/* c (64 x columns) = a (64 x 64) b (64 x columns): both from shared memory, along K. */
template <Dtype dtype, unsigned columns>
void
multiply_shared(const uint16_t *a, const uint16_t *b, float *c, Layout layout)
{
  device_begin();
  unsigned char *shared_a = device_shared_memory(), *shared_b = shared_a + A_BYTES;
  float sums[columns / 8][4];

  for (unsigned k = 0; k < DEPTH; k++) {
    for (unsigned row = threadIdx.x; row < ROWS; row += blockDim.x)
      *(uint16_t *)(shared_a + place_bytes(layout, ROWS, row, k)) = a[row * DEPTH + k];
    for (unsigned column = threadIdx.x; column < columns; column += blockDim.x)
      *(uint16_t *)(shared_b + place_bytes(layout, columns, column, k)) = b[k * columns + column];
  }
  device_fence_async();
  __syncthreads();
  device_product_fence();
  for (unsigned k = 0; k < DEPTH; k += STEP)
    device_product<dtype, columns>(sums, along_k(shared_a, layout, ROWS, k),
                                   along_k(shared_b, layout, columns, k), k > 0);
  device_product_commit();
  device_product_wait<0>();
  write_sums<columns>(sums, c);
}

/* c = 1 + a b: a from registers, b along N; in two groups. */
template <Dtype dtype, unsigned columns>
void
multiply_registers(const uint16_t *a, const uint16_t *b, float *c, Layout layout)
{
  device_begin();
  unsigned char *shared_b = device_shared_memory();
  const unsigned row = threadIdx.x / 32 * 16 + threadIdx.x % 32 / 4, pair = threadIdx.x % 4 * 2;
  uint32_t parts[DEPTH / STEP][4];
  float sums[columns / 8][4];

  for (unsigned k = 0; k < DEPTH; k++)
    for (unsigned column = threadIdx.x; column < columns; column += blockDim.x)
      *(uint16_t *)(shared_b + place_bytes(layout, DEPTH, k, column)) = b[k * columns + column];
  for (unsigned i = 0; i < DEPTH / STEP * 4; i++) {
    const uint16_t *from = &a[(row + i % 2 * 8) * DEPTH + i / 4 * STEP + i / 2 % 2 * 8 + pair];
    parts[i / 4][i % 4] = from[0] | (uint32_t)from[1] << 16;
  }
  for (unsigned i = 0; i < columns / 2; i++)
    sums[i / 4][i % 4] = 1;
  device_fence_async();
  __syncthreads();
  device_product_fence();
  for (unsigned k = 0; k < DEPTH; k += STEP) {
    device_product_add<dtype, columns>(sums, parts[k / STEP], across_k(shared_b, layout, k));
    if (k == STEP)
      device_product_commit();
  }
  device_product_commit();
  device_product_wait<1>();
  device_product_wait<0>();
  write_sums<columns>(sums, c);
}

using Kernel = void (*)(const uint16_t *a, const uint16_t *b, float *c, Layout layout);

void
fill(GRand *rand, Dtype dtype, uint16_t *matrix, gsize count)
{
  for (gsize i = 0; i < count; i++)
    matrix[i] = half_from_float(dtype, (float)g_rand_int_range(rand, -9, 10));
}

void
compare(Kernel kernel, Dtype dtype, unsigned columns, float first)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(columns);
  g_autofree uint16_t *a = g_new(uint16_t, ROWS * DEPTH), *b = g_new(uint16_t, DEPTH * columns);
  g_autofree float *c = g_new(float, ROWS *columns);

  for (const Layout &layout : LAYOUTS) {
    fill(rand, dtype, a, ROWS * DEPTH);
    fill(rand, dtype, b, DEPTH * columns);
    g_assert_cmpint(
        device_launch(kernel, 1, 128, A_BYTES + DEPTH * columns * 2, nullptr, a, b, c, layout), ==,
        cudaSuccess);
    for (unsigned row = 0; row < ROWS; row++)
      for (unsigned column = 0; column < columns; column++) {
        float sum = first;
        for (unsigned k = 0; k < DEPTH; k++)
          sum += half_to_float(dtype, a[row * DEPTH + k]) *
                 half_to_float(dtype, b[k * columns + column]);
        g_assert_cmpfloat(c[row * columns + column], ==, sum);
      }
  }
}

void
test_shared(void)
{
  compare(multiply_shared<DTYPE_BF16, 128>, DTYPE_BF16, 128, 0);
  compare(multiply_shared<DTYPE_FP16, 128>, DTYPE_FP16, 128, 0);
}

void
test_registers(void)
{
  compare(multiply_registers<DTYPE_BF16, 64>, DTYPE_BF16, 64, 1);
  compare(multiply_registers<DTYPE_FP16, 128>, DTYPE_FP16, 128, 1);
}

/* A ring of one place: warp 0 writes numbers, warps 1 to 3 add them up. */
void
pass_on(unsigned count, unsigned *sums)
{
  device_begin();
  uint64_t *full = (uint64_t *)device_shared_memory(), *empty = full + 1;
  unsigned *ring = (unsigned *)(empty + 1), sum = 0;

  if (threadIdx.x == 0) {
    device_barrier_init(full, 32);
    device_barrier_init(empty, 3);
  }
  __syncthreads();
  for (unsigned n = 0; n < count; n++)
    if (threadIdx.x < 32) {
      device_barrier_wait(empty, (n + 1) % 2);
      ring[threadIdx.x] = n + threadIdx.x;
      device_barrier_arrive(full);
    } else {
      device_barrier_wait(full, n % 2);
      sum += ring[(threadIdx.x + 1) % 32];
      __syncwarp();
      if (threadIdx.x % 32 == 0)
        device_barrier_arrive(empty);
    }
  sums[threadIdx.x] = sum;
}

void
test_phases(void)
{
  const unsigned count = 50;
  unsigned sums[128];

  device_launch(pass_on, 1, 128, 16 + 32 * 4, nullptr, count, sums);
  for (unsigned i = 32; i < 128; i++)
    g_assert_cmpint(sums[i], ==, count * ((i + 1) % 32) + count * (count - 1) / 2);
}

/* Mistakes, each of which must end the program; NONE must not. */
enum Mistake {
  NONE,
  COPIES_NOT_FENCED,
  COPIES_FENCED_BY_ONE,
  PRODUCT_NOT_FENCED,
  PRODUCT_FENCED_BEFORE_WAIT,
  SUMS_WRITTEN,
  SUMS_READ,
  OPERAND_WRITTEN,
  NOT_WAITED_FOR,
  BEHIND_SHARED,
  OTHER_DESCRIPTOR,
  OTHER_COLUMNS,
  LANE_MISSING,
  NO_BARRIER_THERE,
  NUM_MISTAKES
};
const char *const mistakes[] = {"none",
                                "copies-not-fenced",
                                "copies-fenced-by-one",
                                "product-not-fenced",
                                "product-fenced-before-wait",
                                "sums-written",
                                "sums-read",
                                "operand-written",
                                "not-waited-for",
                                "behind-shared",
                                "other-descriptor",
                                "other-columns",
                                "lane-missing",
                                "no-barrier-there"};
static_assert(G_N_ELEMENTS(mistakes) == NUM_MISTAKES);

/* Copies b (16 x 128 zeros along N) into shared memory, for others to multiply with. */
void
copy_in(int mistake, unsigned char *shared, const uint4 *from)
{
  for (unsigned i = threadIdx.x; i < 16 * 128 / UNIT; i += 128)
    device_copy_async(shared + i * 16, &from[i], true);
  device_copy_async_commit();
  device_copy_async_wait<0>();
  if (mistake == COPIES_FENCED_BY_ONE ? threadIdx.x % 32 == 0 : mistake != COPIES_NOT_FENCED)
    device_fence_async();
  if (mistake == COPIES_FENCED_BY_ONE) /* which stands for its warp, but cannot fence for it */
    __syncwarp();
}

void
blunder(int mistake, const uint4 *from)
{
  device_begin();
  unsigned char *shared = device_shared_memory();
  const unsigned far = mistake == BEHIND_SHARED ? 2048 : 0;
  const unsigned other = mistake == OTHER_DESCRIPTOR ? threadIdx.x / 64 * 1024 : 0;
  const uint64_t b = device_matrix_swizzled(shared + far + other, 2048, 1024);
  float sums[16][4] = {};
  uint32_t a[4] = {};

  copy_in(mistake, shared, from);
  __syncthreads();
  if (mistake == NO_BARRIER_THERE)
    device_barrier_wait((uint64_t *)shared, 0);
  if (mistake == LANE_MISSING && threadIdx.x == 77)
    return;
  if (mistake != PRODUCT_NOT_FENCED)
    device_product_fence();
  device_product_add<DTYPE_BF16, 128>(sums, a, b);
  if (mistake == SUMS_WRITTEN)
    sums[3][1] = 2;
  if (mistake == OPERAND_WRITTEN && threadIdx.x == 5)
    a[2] = 1;
  if (mistake == SUMS_READ && !(sums[0][0] == 0))
    g_error("not there yet");
  if (mistake == OTHER_COLUMNS)
    device_product_add<DTYPE_BF16, 64>((float(&)[8][4])sums, a, b);
  device_product_commit();
  if (mistake != NOT_WAITED_FOR)
    device_product_wait<0>();
  if (mistake == PRODUCT_FENCED_BEFORE_WAIT) {
    device_product_add<DTYPE_BF16, 128>(sums, a, b);
    device_product_commit();
    device_product_wait<0>();
  }
}

void
test_mistake(gconstpointer data)
{
  if (g_test_subprocess()) {
    void *from;
    cudaMalloc(&from, 16 * 128 * 2);
    cudaMemset(from, 0, 16 * 128 * 2);
    device_launch(blunder, 1, 128, 16 * 128 * 2, nullptr, GPOINTER_TO_INT(data),
                  (const uint4 *)from);
    return;
  }
  g_test_trap_subprocess(nullptr, 0, (GTestSubprocessFlags)0);
  if (GPOINTER_TO_INT(data) == NONE)
    g_test_trap_assert_passed();
  else
    g_test_trap_assert_failed();
}

} // namespace

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, nullptr);
  g_test_add_func("/emulator/warpgroup/shared", test_shared);
  g_test_add_func("/emulator/warpgroup/registers", test_registers);
  g_test_add_func("/emulator/warpgroup/phases", test_phases);
  for (int i = 0; i < NUM_MISTAKES; i++) {
    g_autofree char *path = g_strdup_printf("/emulator/warpgroup/mistake/%s", mistakes[i]);
    g_test_add_data_func(path, GINT_TO_POINTER(i), test_mistake);
  }
  return g_test_run();
}
