/* The small operations, which are bound by memory: compared with a copy of as many bytes.
 *
 * Rows of a step of 8192 tokens of a model of width 4096, which do not fit the cache; calls rotate
 * through buffers.
 */
#include "speed.h"

#include <math.h>

#include "random_data.h"
#include "kernels/paged_kv.h"
#include "kernels/sampling.h"
#include "kernels/transformer.h"

enum {
  ROWS = 8192,
  WIDTH = 4096,
  HEADS = 32,
  HEAD_DIM = 128,
  VOCAB = 128256,
  SAMPLED_ROWS = 64,
  BLOCK_TOKENS = 16,
  TURNS = 4
};

typedef struct {
  gsize rows, vocab;
  guint8 *a, *b, *c; /* TURNS of each, `stride` bytes apart */
  gsize stride_bytes;
  void *weight;
  gint32 *ids;
  gint64 *slots;
  float *cos_sin, *uniforms;
  gint32 *tokens;
  SamplingParams params;
} Rows;

typedef int (*RowsCall)(const Rows *r, gsize offset, struct CUstream_st *stream);

typedef struct {
  Rows rows;
  RowsCall call;
} Timed;

static int
call_rows(void *data, uint32_t turn, struct CUstream_st *stream)
{
  const Timed *timed = data;

  return timed->call(&timed->rows, turn % TURNS * timed->rows.stride_bytes, stream);
}

static int
call_embedding(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  return embedding(DTYPE_BF16, r->a, r->ids, r->rows, WIDTH, r->c + offset, stream);
}

static int
call_norm(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  return rms_norm(DTYPE_BF16, r->a + offset, r->weight, r->rows, WIDTH, 1e-5f, r->c + offset,
                  stream);
}

static int
call_residual_norm(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  return residual_rms_norm(DTYPE_BF16, r->a + offset, r->b + offset, r->weight, r->rows, WIDTH,
                           1e-5f, r->c + offset, stream);
}

static int
call_head_norm(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  return head_rms_norm(DTYPE_BF16, r->a + offset, r->weight, r->rows, WIDTH, HEADS, HEAD_DIM, 1e-5f,
                       stream);
}

static int
call_bias(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  return bias(DTYPE_BF16, r->a + offset, r->weight, r->rows, WIDTH, WIDTH, stream);
}

static int
call_rope(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  return rope(DTYPE_BF16, r->a + offset, r->cos_sin, r->ids, r->rows, WIDTH, HEADS, HEAD_DIM,
              HEAD_DIM, stream);
}

static int
call_silu_gate(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  return silu_gate(DTYPE_BF16, r->a + offset, r->rows / 2, WIDTH, r->c + offset, stream);
}

static int
call_kv_write(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  const PagedKv kv = {.k = r->b + offset,
                      .v = r->c + offset,
                      .block_size = BLOCK_TOKENS,
                      .kv_heads = HEADS,
                      .head_dim = HEAD_DIM,
                      .token_stride = HEAD_DIM,
                      .head_stride = HEAD_DIM * BLOCK_TOKENS,
                      .block_stride = HEAD_DIM * BLOCK_TOKENS * HEADS};

  return kv_write(DTYPE_BF16, &kv, r->a + offset, r->a + offset, WIDTH, r->slots, r->rows, stream);
}

static int
call_sample(const Rows *r, gsize offset, struct CUstream_st *stream)
{
  return sample(DTYPE_BF16, r->a + offset, r->rows, r->vocab, r->vocab, &r->params, r->uniforms,
                r->tokens, stream);
}

static gint32 *
upload_ids(SpeedContext *context, CheckMemory *memory, gsize count, gsize limit)
{
  g_autofree gint32 *ids = g_new(gint32, count);

  for (gsize i = 0; i < count; i++)
    ids[i] = g_rand_int_range(context->rand, 0, (gint32)limit);
  return check_memory_upload(memory, ids, count * sizeof *ids, CHECK_INPUT, "ids");
}

/* A table of rotations, so that values keep their size however often they are rotated. */
static float *
upload_angles(SpeedContext *context, CheckMemory *memory, gsize positions)
{
  g_autofree float *table = g_new(float, positions *HEAD_DIM);

  for (gsize position = 0; position < positions; position++)
    for (guint d = 0; d < HEAD_DIM / 2; d++) {
      const double angle = g_rand_double_range(context->rand, 0, 2 * G_PI);
      table[position * HEAD_DIM + d] = (float)cos(angle);
      table[position * HEAD_DIM + HEAD_DIM / 2 + d] = (float)sin(angle);
    }
  return check_memory_upload(memory, table, positions * HEAD_DIM * sizeof *table, CHECK_INPUT,
                             "cosines");
}

/* The slots of whole blocks, in random order. */
static gint64 *
upload_slots(SpeedContext *context, CheckMemory *memory, gsize count)
{
  g_autofree gint64 *slots = g_new(gint64, count);
  g_autofree gint32 *blocks = random_order(context->rand, count / BLOCK_TOKENS);

  for (gsize i = 0; i < count; i++)
    slots[i] = (gint64)blocks[i / BLOCK_TOKENS] * BLOCK_TOKENS + (gint64)(i % BLOCK_TOKENS);
  return check_memory_upload(memory, slots, count * sizeof *slots, CHECK_INPUT, "slots");
}

/* `row_bytes`: what a row reads and writes, in bytes. */
static void
measure(SpeedContext *context, const char *kernel, RowsCall call, double row_bytes)
{
  g_autoptr(CheckMemory) memory = check_memory_new(NULL);
  const gsize rows = MAX(ROWS / context->shrink / BLOCK_TOKENS, 1) * BLOCK_TOKENS;
  const gsize stride_bytes = rows * WIDTH * sizeof(guint16);
  Timed timed = {
      .rows =
          {.rows = rows,
           .a = speed_random(context, memory, DTYPE_BF16, TURNS * stride_bytes, "first matrices"),
           .b = speed_random(context, memory, DTYPE_BF16, TURNS * stride_bytes, "second matrices"),
           .c = speed_random(context, memory, DTYPE_BF16, TURNS * stride_bytes, "third matrices"),
           .stride_bytes = stride_bytes,
           .weight = speed_random(context, memory, DTYPE_BF16, WIDTH * sizeof(guint16), "weight"),
           .ids = upload_ids(context, memory, rows, rows),
           .slots = upload_slots(context, memory, rows),
           .cos_sin = upload_angles(context, memory, rows)},
      .call = call,
  };
  const TimingRequest request = {.call = call_rows, .data = &timed};
  g_autofree char *text = g_strdup_printf("%" G_GSIZE_FORMAT " rows of %d", rows, WIDTH);
  const double work = row_bytes * (double)rows;
  SpeedRow row = {.kernel = kernel,
                  .shape = text,
                  .unit = SPEED_BYTES,
                  .work = work,
                  .ceiling = "copy",
                  .ideal_ns = speed_ideal_ns(work, context->ceilings.copy_bytes)};

  speed_measure(context, memory, &request, &row);
}

static const double matrix_row_bytes = WIDTH * sizeof(guint16);

void
speed_embedding(SpeedContext *context)
{
  measure(context, "embedding", call_embedding, 2 * matrix_row_bytes);
}

void
speed_rms_norm(SpeedContext *context)
{
  measure(context, "rms-norm", call_norm, 2 * matrix_row_bytes);
}

void
speed_residual_rms_norm(SpeedContext *context)
{
  measure(context, "residual-norm", call_residual_norm, 4 * matrix_row_bytes);
}

void
speed_head_rms_norm(SpeedContext *context)
{
  measure(context, "head-norm", call_head_norm, 2 * matrix_row_bytes);
}

void
speed_bias(SpeedContext *context)
{
  measure(context, "bias", call_bias, 2 * matrix_row_bytes);
}

/* Rows are read and written, and a row of the table is read. */
void
speed_rope(SpeedContext *context)
{
  measure(context, "rope", call_rope, 2 * matrix_row_bytes + HEAD_DIM * sizeof(float));
}

/* Half as many rows of gate and up: one matrix is read, and half of one written. */
void
speed_silu_gate(SpeedContext *context)
{
  measure(context, "silu-gate", call_silu_gate, 1.5 * matrix_row_bytes);
}

/* K and V, each read and written. */
void
speed_kv_write(SpeedContext *context)
{
  measure(context, "kv-write", call_kv_write, 4 * matrix_row_bytes);
}

static void
measure_sampling(SpeedContext *context, const char *what, SamplingParams params)
{
  g_autoptr(CheckMemory) memory = check_memory_new(NULL);
  const gsize rows = speed_shrunk(context, SAMPLED_ROWS);
  const gsize vocab = MAX(VOCAB / context->shrink / 8, 1) * 8;
  const gsize stride_bytes = rows * vocab * sizeof(guint16);
  g_autofree float *uniforms = g_new(float, rows);
  Timed timed = {
      .rows = {.rows = rows,
               .vocab = vocab,
               .a = speed_random(context, memory, DTYPE_BF16, TURNS * stride_bytes, "logits"),
               .stride_bytes = stride_bytes,
               .tokens = check_memory_add(memory, rows * sizeof(gint32), CHECK_INPUT, "tokens"),
               .params = params},
      .call = call_sample,
  };
  const TimingRequest request = {.call = call_rows, .data = &timed};
  g_autofree char *text =
      g_strdup_printf("%s, %" G_GSIZE_FORMAT " rows of %" G_GSIZE_FORMAT, what, rows, vocab);
  SpeedRow row = {.kernel = "sampling",
                  .shape = text,
                  .unit = SPEED_BYTES,
                  .work = (double)stride_bytes,
                  .ceiling = "read",
                  .ideal_ns = speed_ideal_ns((double)stride_bytes, context->ceilings.read_bytes)};

  for (gsize i = 0; i < rows; i++)
    uniforms[i] = (float)(g_rand_int(context->rand) >> 8) * 0x1p-24f;
  timed.rows.uniforms = check_memory_upload(memory, uniforms, rows * sizeof *uniforms, CHECK_INPUT,
                                            "uniform numbers");
  speed_measure(context, memory, &request, &row);
}

void
speed_sampling(SpeedContext *context)
{
  measure_sampling(context, "greedy", (SamplingParams){.temperature = 0});
  if (!context->quick)
    measure_sampling(context, "top k 50, top p 0.9",
                     (SamplingParams){.temperature = 1, .top_k = 50, .top_p = 0.9f});
}
