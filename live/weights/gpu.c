#include "config.h"

#include "gpu.h"

#include "live/float16.h"

enum { PIECE_ELEMENTS = 1 << 21, READERS_MAX = 16 };

/* A piece of a tensor, and who reads it. */
typedef struct {
  const WeightTensor *tensor;
  guint64 first;
  gsize n;
  WeightSource *source;
  Dtype dtype;
  float *values;
  guint16 *halves; /* pinned */
  GError *error;
} Piece;

static guint
num_readers(void)
{
  return CLAMP(g_get_num_processors(), 1, READERS_MAX);
}

gsize
weights_gpu_host_bytes(void)
{
  return (gsize)num_readers() * PIECE_ELEMENTS * (sizeof(float) + sizeof(guint16));
}

static gpointer
read_piece(gpointer data)
{
  Piece *piece = data;

  if (weight_source_read(piece->source, piece->tensor, piece->first, piece->n, piece->values,
                         &piece->error))
    float16_from_floats(piece->dtype, piece->values, piece->n, piece->halves);
  return NULL;
}

/* The next piece after *tensor and *first, which move on. FALSE behind the last one. */
static gboolean
next_piece(const WeightLayout *layout, guint *tensor, guint64 *first, Piece *piece)
{
  guint64 elements;

  if (*tensor == layout->tensors->len)
    return FALSE;
  piece->tensor = &g_array_index(layout->tensors, WeightTensor, *tensor);
  elements = piece->tensor->rows * piece->tensor->columns;
  piece->first = *first;
  piece->n = (gsize)MIN(elements - *first, PIECE_ELEMENTS);
  *first += piece->n;
  if (*first == elements) {
    (*tensor)++;
    *first = 0;
  }
  return TRUE;
}

/* Reads `n` pieces at once, and copies them one by one. */
static gboolean
load_pieces(Piece *pieces, guint n, char *arena, GError **error)
{
  GThread *threads[READERS_MAX];
  cudaError_t status = cudaSuccess;

  for (guint i = 1; i < n; i++)
    threads[i] = g_thread_try_new("weights", read_piece, &pieces[i], NULL);
  read_piece(&pieces[0]);
  for (guint i = 1; i < n; i++)
    if (threads[i] != NULL)
      g_thread_join(threads[i]);
    else /* there are no more threads to be had */
      read_piece(&pieces[i]);
  for (guint i = 0; i < n && status == cudaSuccess; i++) {
    const Piece *p = &pieces[i];
    if (p->error != NULL) {
      g_propagate_error(error, p->error);
      for (i++; i < n; i++)
        g_clear_error(&pieces[i].error);
      return FALSE;
    }
    status = cudaMemcpy(arena + (p->tensor->offset + p->first) * sizeof(guint16), p->halves,
                        p->n * sizeof(guint16), cudaMemcpyHostToDevice);
  }
  return status == cudaSuccess || gpu_fail(error, (int)status, "copying weights");
}

static gboolean
load_all(const WeightLayout *layout, Piece *pieces, char *arena, GError **error)
{
  guint tensor = 0;
  guint64 first = 0;

  for (guint n = 1; n > 0;) {
    for (n = 0; n < num_readers() && next_piece(layout, &tensor, &first, &pieces[n]);)
      n++;
    if (n > 0 && !load_pieces(pieces, n, arena, error))
      return FALSE;
  }
  return TRUE;
}

void *
weights_gpu_load(const WeightLayout *layout, WeightSource *source, Dtype dtype, GError **error)
{
  const guint readers = num_readers();
  g_autofree float *values = g_try_new(float, (gsize)readers *PIECE_ELEMENTS);
  guint16 *halves = gpu_allocate_host((gsize)readers * PIECE_ELEMENTS * sizeof(guint16), FALSE,
                                      "loading weights", error);
  char *arena =
      halves == NULL ? NULL : gpu_allocate(layout->elements * sizeof(guint16), "weights", error);
  Piece pieces[READERS_MAX] = {{0}};

  for (guint i = 0; i < readers; i++)
    pieces[i] = (Piece){
        .source = source,
        .dtype = dtype,
        .values = values + (gsize)i * PIECE_ELEMENTS,
        .halves = halves + (gsize)i * PIECE_ELEMENTS,
    };
  if (arena != NULL && (values == NULL || !load_all(layout, pieces, arena, error))) {
    if (values == NULL)
      g_set_error(error, LIVE_ERROR, LIVE_ERROR_MEMORY, "the host has no memory to load weights");
    cudaFree(arena);
    arena = NULL;
  }
  gpu_free_host(halves, FALSE);
  return arena;
}
