/* Decode steps as CUDA graphs: two launches for each step, one of all layers and one of the head,
 * with an event between them that tells their times apart.
 *
 * A step of decodes only is padded to 1, 2, 4 or a multiple of 8 rows. Each number of rows has up
 * to two graphs of the layers, since attention is launched differently where sequences are cut
 * among thread blocks. All that differs between two such steps is read on the GPU: token ids,
 * slots, block tables and their stride, and attention's pieces, which are padded with empty ones.
 * Graphs are captured before the first step that is timed.
 */
#pragma once

#include "decoder_pass.h"

/* Larger steps, and those with prefills, are launched operation by operation. */
enum { GPU_GRAPH_ROWS = 256 };

typedef struct DecoderGraphs DecoderGraphs;

DecoderGraphs *decoder_graphs_new(void);
void decoder_graphs_free(DecoderGraphs *graphs);

/* The number of rows that so many decodes are padded to. */
guint32 decoder_graph_rows(guint32 decodes);
/* The next number of rows that has graphs, after `rows` (0: the first); 0 where there is none for
 * up to `last` decodes. */
guint32 decoder_graph_rows_after(guint32 rows, guint32 last);

/* Captures a padded pass that has run once, so that all its kernels are loaded. FALSE: the pass
 * keeps what failed. */
gboolean decoder_graphs_capture(DecoderGraphs *graphs, DecoderPass *pass);
/* Launches the graph that was captured for passes of this size. FALSE where there is none. */
gboolean decoder_graphs_launch_layers(const DecoderGraphs *graphs, DecoderPass *pass);
gboolean decoder_graphs_launch_head(const DecoderGraphs *graphs, DecoderPass *pass);
