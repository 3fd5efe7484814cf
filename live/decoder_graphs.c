#include "config.h"

#include "decoder_graphs.h"

enum { SIZES = 3 + GPU_GRAPH_ROWS / 8 }; /* 1, 2, 4, 8, 16 … */

typedef struct {
  cudaGraphExec_t layers[2]; /* sequences whole, or cut */
  cudaGraphExec_t head;
} SizeGraphs;

struct DecoderGraphs {
  SizeGraphs sizes[SIZES];
};

guint32
decoder_graph_rows(guint32 decodes)
{
  if (decodes <= 2)
    return decodes;
  return decodes <= 4 ? 4 : (decodes + 7) / 8 * 8;
}

guint32
decoder_graph_rows_after(guint32 rows, guint32 last)
{
  guint32 next = decoder_graph_rows(rows + 1);

  return next <= decoder_graph_rows(MIN(last, GPU_GRAPH_ROWS)) ? next : 0;
}

/* 1, 2, 4, 8, 16, 24 … are 0, 1, 2, 3, 4, 5 … */
static guint
size_index(guint32 rows)
{
  return rows <= 4 ? rows / 2 : 2 + rows / 8;
}

DecoderGraphs *
decoder_graphs_new(void)
{
  return g_new0(DecoderGraphs, 1);
}

static void
destroy(cudaGraphExec_t exec)
{
  if (exec != NULL)
    cudaGraphExecDestroy(exec);
}

void
decoder_graphs_free(DecoderGraphs *graphs)
{
  if (graphs == NULL)
    return;
  for (guint i = 0; i < SIZES; i++) {
    destroy(graphs->sizes[i].layers[0]);
    destroy(graphs->sizes[i].layers[1]);
    destroy(graphs->sizes[i].head);
  }
  g_free(graphs);
}

static void
capture(DecoderPass *pass, void (*part)(DecoderPass *pass), cudaGraphExec_t *exec)
{
  cudaGraph_t graph = NULL;

  if (*exec != NULL || pass->status != 0)
    return;
  decoder_pass_keep(pass,
                    (int)cudaStreamBeginCapture(pass->stream, cudaStreamCaptureModeThreadLocal),
                    "beginning a graph", -1);
  if (pass->status != 0)
    return;
  part(pass);
  decoder_pass_keep(pass, (int)cudaStreamEndCapture(pass->stream, &graph), "ending a graph", -1);
  if (pass->status == 0)
    decoder_pass_keep(pass, (int)cudaGraphInstantiate(exec, graph, 0), "making a graph", -1);
  if (pass->status == 0)
    decoder_pass_keep(pass, (int)cudaGraphUpload(*exec, pass->stream), "uploading a graph", -1);
  if (graph != NULL)
    cudaGraphDestroy(graph);
}

static cudaGraphExec_t *
layers_of(const DecoderGraphs *graphs, const DecoderPass *pass)
{
  const SizeGraphs *size = &graphs->sizes[size_index(pass->upload->rows)];

  return (cudaGraphExec_t *)&size->layers[attention_plan_is_cut(pass->attention) ? 1 : 0];
}

gboolean
decoder_graphs_capture(DecoderGraphs *graphs, DecoderPass *pass)
{
  g_assert(pass->gate == NULL && pass->upload->rows == decoder_graph_rows(pass->upload->rows));
  capture(pass, decoder_pass_layers, layers_of(graphs, pass));
  capture(pass, decoder_pass_head, &graphs->sizes[size_index(pass->upload->rows)].head);
  return pass->status == 0;
}

gboolean
decoder_graphs_launch_layers(const DecoderGraphs *graphs, DecoderPass *pass)
{
  const cudaGraphExec_t exec = *layers_of(graphs, pass);

  if (exec == NULL)
    return FALSE;
  decoder_pass_keep(pass, (int)cudaGraphLaunch(exec, pass->stream), "the graph of the layers", -1);
  return TRUE;
}

gboolean
decoder_graphs_launch_head(const DecoderGraphs *graphs, DecoderPass *pass)
{
  const cudaGraphExec_t exec = graphs->sizes[size_index(pass->upload->rows)].head;

  if (exec == NULL)
    return FALSE;
  decoder_pass_keep(pass, (int)cudaGraphLaunch(exec, pass->stream), "the graph of the head", -1);
  return TRUE;
}
