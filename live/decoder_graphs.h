/* Decode steps as CUDA graphs: two launches a step, one of all layers and one of the head, for an
 * event between them tells their times apart.
 *
 * A step of nothing but decodes is padded to 1, 2, 4 or a multiple of 8 rows, and has a graph of
 * its number of rows, or two: attention is launched otherwise where sequences are cut among thread
 * blocks. What differs between two such steps is all read on the GPU: token ids, slots, block
 * tables and their stride, and attention's pieces, which are padded with empty ones. Captured
 * before the first step that is timed.
 */
#pragma once

#include "decoder_pass.h"

/* Larger steps, and those with prefills, are launched operation by operation. */
enum { GPU_GRAPH_ROWS = 256 };

typedef struct DecoderGraphs DecoderGraphs;

DecoderGraphs *decoder_graphs_new(void);
void decoder_graphs_free(DecoderGraphs *graphs);

/* What so many decodes are padded to. */
guint32 decoder_graph_rows(guint32 decodes);
/* The next larger number of rows that has graphs; 0 first. 0 when there is none up to `last`. */
guint32 decoder_graph_rows_after(guint32 rows, guint32 last);

/* Captures this padded pass, which ran before, so that all its kernels are loaded. FALSE: the pass
 * says what failed. */
gboolean decoder_graphs_capture(DecoderGraphs *graphs, DecoderPass *pass);
/* Launches what was captured of a pass like this. FALSE where nothing was. */
gboolean decoder_graphs_launch_layers(const DecoderGraphs *graphs, DecoderPass *pass);
gboolean decoder_graphs_launch_head(const DecoderGraphs *graphs, DecoderPass *pass);
