/* How decodes are cut into pieces of context, and which thread blocks compute which.
 *
 * A sequence is one piece, with a thread block for each KV head, where that is fastest by the
 * estimate. Otherwise there are as many lists of equal work as thread blocks run at once, and a
 * sequence is cut where a list ends (work_cut.h): so thread blocks end at the same time even where
 * contexts differ or do not fill the last wave. DECODE_WAVES, for comparison, cuts all sequences by
 * one length, and the hardware distributes the pieces.
 */
#pragma once

#include "kernels/attention_merge.h"
#include "kernels/work_cut.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { DECODE_UNIT_TOKENS = 64 };    /* pieces end at a multiple, or with their sequence */
enum { DECODE_RESIDENT_BLOCKS = 2 }; /* thread blocks at once on a multiprocessor: 96 KiB each */

typedef struct {
  int32_t sequence; /* of the batch */
  int32_t first_token, num_tokens;
  int32_t partial; /* index of its partial result, which is merged; -1: it is the whole sequence */
} DecodePiece;

/* The plan has the sequences with one new token. */
typedef struct {
  const int32_t *query_starts, *context_lens;
  uint32_t num_sequences;
} DecodeBatch;

typedef enum { DECODE_LISTS, DECODE_WAVES } DecodeCut;

typedef struct {
  DecodeCut cut;
  uint32_t thread_blocks_per_piece; /* attention_decode_thread_blocks(): as a rule one a KV head */
  uint32_t multiprocessors;
} DecodeWays;

typedef struct {
  bool is_cut;
  uint32_t num_pieces, num_lists, num_merges, num_partials;
  DecodePiece *pieces;
  uint32_t *starts; /* list i is pieces[starts[i]] … pieces[starts[i + 1] - 1]; it may be empty */
  AttentionMerge *merges;
} DecodePlan;

/* False where there is no memory. The caller clears the plan. */
bool decode_plan_make(DecodePlan *plan, const DecodeBatch *batch, const DecodeWays *ways);
void decode_plan_clear(DecodePlan *plan);

/* The largest counts of any batch of so many decodes that is cut. A batch that is cut by
 * DECODE_WAVES fills at most DECODE_MOST_WAVES waves. */
enum { DECODE_MOST_WAVES = 6 };
DecodePlan decode_plan_most(uint32_t num_sequences, const DecodeWays *ways);

#ifdef __cplusplus
}
#endif
