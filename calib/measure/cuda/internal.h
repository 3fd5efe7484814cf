/* What the files of the CUDA device share. Internal to them. */
#pragma once

#include "bench_cuda.h"

#include <cuda_runtime_api.h>

#include "nvml.h"
#include "kernels/attention.h"
#include "kernels/gemm.h"
#include "kernels/kv_copy.h"

/* Memory of the card, each by itself, so that what is written is never read as random data. */
typedef enum {
  BUFFER_DATA,  /* random: weights, KV, tables, logits */
  BUFFER_IN,    /* random: activations */
  BUFFER_OUT,   /* written */
  BUFFER_LISTS, /* block tables, ids, plans */
  BUFFER_WORK,  /* of attention */
  BUFFER_POOL,  /* of copies: random, and written with what is random */
  BUFFERS
} BenchBuffer;

enum { WAY_H2D, WAY_D2H, WAYS };

typedef struct {
  void *place;
  gsize bytes;
  BenchFill fill;
} CudaBuffer;

typedef struct {
  BenchDevice base;
  const BenchStepClass *steps;
  char name[256], driver[32], cuda[32], kernel[192];
  char kernels[ATTENTION_DEVICE_NAME_BYTES];
  gsize free_bytes, l2_bytes;
  CudaBuffer buffers[BUFFERS];
  char *pinned[WAYS]; /* pinned_bytes each, random */
  gsize pinned_bytes;
  char *pageable[WAYS];      /* as many bytes; made when first asked for */
  gint32 *block_lists[WAYS]; /* pinned, COPY_PIECES_MOST each */
  cudaStream_t side;         /* beside the timer's stream, for copies both ways at once */
  cudaEvent_t forked, joined;
  Timer *timer;
  Gemm *gemm;
  AttentionDevice attention;
  AttentionPlan *attention_plan; /* of the last attention that was prepared */
  gpointer runner;               /* of steps */
  const Model *runner_model;
  Nvml *nvml; /* NULL: not there */
  GRand *random;
} BenchCuda;

enum { COPY_PIECES_MOST = 65536 };

/* Sets an error from a status that is not 0 (a cudaError_t, or below 0 a cublasStatus_t's
 * negative): the operation's, or the device is lost. FALSE. */
gboolean bench_cuda_fail(int status, GError **error);
gboolean bench_cuda_unsupported(GError **error, const char *why);

/* At least that much of a buffer, its values random if `fill` says so. NULL: BENCH_ERROR_MEMORY. */
void *bench_cuda_buffer(BenchCuda *self, BenchBuffer which, gsize bytes, BenchFill fill,
                        GError **error);
/* Copies into BUFFER_LISTS, from its beginning. */
void *bench_cuda_lists(BenchCuda *self, gconstpointer lists, gsize bytes, GError **error);
/* The host's, pinned or pageable; NULL as above. */
void *bench_cuda_host(BenchCuda *self, guint way, gboolean pinned, gsize bytes, GError **error);
/* The buffers on the card; all of them. */
void bench_cuda_free_card(BenchCuda *self);
void bench_cuda_free_buffers(BenchCuda *self);
/* Finds out how much can be pinned; BENCH_ERROR_PINNED. */
gboolean bench_cuda_pin(BenchCuda *self, GError **error);

/* 0 … n - 1 in random order; the caller frees. */
gint32 *bench_cuda_shuffled(BenchCuda *self, guint32 n);

/* Sets of buffers to rotate through, so that each is cold when its turn comes. */
guint32 bench_cuda_rotation(const BenchCuda *self, gsize set_bytes);

/* Times a call by the stop rule. *held: the host was never late; may be NULL. */
gboolean bench_cuda_time(BenchCuda *self, TimingRequest *request, const BenchStop *stop,
                         BenchTiming *timing, gboolean *held, GError **error);

/* Products and attention as calls, for what runs them beside copies too. */
typedef struct {
  Gemm *gemm;
  GemmProblem problem;
  gsize set_bytes;
  guint32 sets;
} GemmCall;

gboolean bench_cuda_gemm(BenchCuda *self, const char *dtype, gsize m, gsize n, gsize k,
                         GemmCall *call, GError **error);
int bench_cuda_call_gemm(void *call, uint32_t turn, cudaStream_t stream);
/* "cublasLt:ALGORITHM" of the product, the device's until the next. */
const char *bench_cuda_gemm_kernel(BenchCuda *self, const GemmCall *call);

/* A sequence, or several alike. */
typedef struct {
  guint32 count, new_tokens, context; /* context: the new tokens among them */
} AttentionPart;

typedef struct {
  AttentionShape shape;
  AttentionBatch batch; /* of the first set */
  PagedKv kv;
  Dtype dtype;
  const void *q;
  void *out;
  const AttentionPlan *plan;
  const void *plan_data;
  void *workspace;
  gsize table_elements; /* from a set's block tables to the next one's */
  guint32 sets;
} AttentionCall;

typedef struct {
  guint32 heads, kv_heads, head_dim;
} HeadsShape;

gboolean bench_cuda_attention(BenchCuda *self, const char *dtype, const HeadsShape *heads,
                              const AttentionPart *parts, guint n_parts, AttentionCall *call,
                              GError **error);
int bench_cuda_call_attention(void *call, uint32_t turn, cudaStream_t stream);

/* Copies, one way or both at once. */
typedef struct {
  KvLayout layout;
  KvCopy copies[WAYS];
  gboolean has[WAYS];
  gboolean pinned;
  cudaStream_t side;
  cudaEvent_t forked, joined;
} CopyCall;

/* variant: "h2d/pinned/single" and so on. */
gboolean bench_cuda_copy(BenchCuda *self, const char *variant, gsize piece_bytes, gsize pieces,
                         CopyCall *call, GError **error);
int bench_cuda_call_copy(void *call, uint32_t turn, cudaStream_t stream);

/* One of BenchDeviceClass.measure for each kind of operation. */
typedef gboolean BenchMeasure(BenchCuda *self, const BenchRequest *request, const BenchStop *stop,
                              BenchTiming *timing, GError **error);
BenchMeasure bench_cuda_measure_gemm, bench_cuda_measure_elementwise, bench_cuda_measure_sampling,
    bench_cuda_measure_attention, bench_cuda_measure_skew, bench_cuda_measure_copy,
    bench_cuda_measure_submit, bench_cuda_measure_beside, bench_cuda_measure_ceiling,
    bench_cuda_measure_step;

/* Ends the steps' runner, if there is one, and gives its memory back. */
void bench_cuda_close_runner(BenchCuda *self);
