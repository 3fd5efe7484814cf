/* Matrix products: the library's first choice, which models and calibrations use, compared with the
 * best of its proposals. Weights rotate through buffers, activations stay in the cache. */
#include "speed.h"

enum { ROTATED_BYTES = 512 << 20, TURNS_MAX = 8, MULTIPLE = 16 };

typedef struct {
  Gemm *gemm;
  GemmProblem problem;
  const GemmChoice *choice; /* NULL: what gemm_run takes */
  gsize weight_bytes;
  guint32 num_weights;
} Product;

static int
call_gemm(void *data, uint32_t turn, struct CUstream_st *stream)
{
  const Product *p = data;
  GemmProblem problem = p->problem;

  problem.weights = (const guint8 *)problem.weights + turn % p->num_weights * p->weight_bytes;
  return p->choice == NULL ? gemm_run(p->gemm, &problem, stream)
                           : gemm_run_choice(p->gemm, &problem, p->choice, stream);
}

/* The time of the best of the library's choices, 0 where there is none. */
static double
best_ns(SpeedContext *context, Product *p)
{
  GemmChoice choices[GEMM_CHOICES_MAX];
  const TimingRequest request = {.call = call_gemm, .data = p};
  gsize num_choices = 0;
  double best = 0;

  if (gemm_choices(p->gemm, &p->problem, choices, &num_choices) != 0)
    return 0;
  for (gsize i = 0; i < num_choices; i++) {
    Timing timing;
    p->choice = &choices[i];
    if (timer_measure(context->timer, &request, &timing) == 0 &&
        (best == 0 || timing.median_ns < best))
      best = timing.median_ns;
  }
  p->choice = NULL;
  return best;
}

static guint32
shrunk_multiple(const SpeedContext *context, guint32 count)
{
  return MAX(speed_shrunk(context, count) / MULTIPLE, 1) * MULTIPLE;
}

static void
measure(SpeedContext *context, Dtype dtype, guint32 m, guint32 wanted_n, guint32 wanted_k)
{
  g_autoptr(CheckMemory) memory = check_memory_new(NULL);
  const gsize element_bytes = dtype == DTYPE_FP8_E4M3 ? 1 : 2;
  const gsize n = shrunk_multiple(context, wanted_n), k = shrunk_multiple(context, wanted_k);
  const gsize weight_bytes = n * k * element_bytes;
  const guint32 num_weights = (guint32)CLAMP(ROTATED_BYTES / weight_bytes, 1, TURNS_MAX);
  Product p = {
      .gemm = context->gemm,
      .problem = {.dtype = dtype,
                  .m = m,
                  .n = n,
                  .k = k,
                  .in = speed_random(context, memory, dtype, m * k * element_bytes, "in"),
                  .weights =
                      speed_random(context, memory, dtype, num_weights * weight_bytes, "weights"),
                  .out = check_memory_add(memory, m * n * 2, CHECK_INPUT, "out")},
      .weight_bytes = weight_bytes,
      .num_weights = num_weights,
  };
  const TimingRequest request = {.call = call_gemm, .data = &p};
  const char *const names[] = {
      [DTYPE_FP16] = "fp16", [DTYPE_BF16] = "bf16", [DTYPE_FP8_E4M3] = "fp8"};
  g_autofree char *text =
      g_strdup_printf("%s, m %u, n %" G_GSIZE_FORMAT ", k %" G_GSIZE_FORMAT, names[dtype], m, n, k);
  SpeedRow row = {.kernel = "gemm",
                  .shape = text,
                  .unit = SPEED_FLOPS,
                  .work = 2.0 * m * (double)n * (double)k,
                  .ceiling = "best of eight"};

  if (check_memory_problem(memory) == NULL)
    row.ideal_ns = best_ns(context, &p);
  speed_measure(context, memory, &request, &row);
}

void
speed_gemm(SpeedContext *context)
{
  static const struct {
    guint32 m, n, k;
  } shapes[] = {{64, 28672, 4096},   {1, 28672, 4096},    {16, 28672, 4096},  {256, 28672, 4096},
                {1024, 28672, 4096}, {4096, 28672, 4096}, {1, 4096, 14336},   {64, 4096, 14336},
                {64, 6144, 4096},    {2048, 4096, 4096},  {16, 128256, 4096}, {500, 6144, 4096}};

  for (guint i = 0; i < (context->quick ? 1 : G_N_ELEMENTS(shapes)); i++)
    measure(context, DTYPE_BF16, shapes[i].m, shapes[i].n, shapes[i].k);
  if (context->quick)
    return;
  measure(context, DTYPE_FP16, 64, 28672, 4096);
  for (guint32 m = 64; m <= 4096 && gemm_has_fp8(context->gemm); m *= 64)
    measure(context, DTYPE_FP8_E4M3, m, 28672, 4096);
}
