/* How decodes are cut into pieces of context, and which thread blocks compute which.
 *
 * A sequence is a piece, with a thread block a KV head, where that is best. Otherwise thread blocks
 * take lists of equal work, as many as run at once, and a sequence is cut where a list ends
 * (work_cut.h): so batches of unlike contexts and those just above a whole number of waves end
 * together. The former way, DECODE_WAVES, is there for comparison: all sequences are cut by one
 * length, and the hardware hands the pieces out.
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
  int32_t partial; /* where its result waits to be merged; -1: it is the result */
} DecodePiece;

/* A sequence takes part that has one new token. */
typedef struct {
  const int32_t *query_starts, *context_lens;
  uint32_t num_sequences;
} DecodeBatch;

typedef enum { DECODE_LISTS, DECODE_WAVES } DecodeCut;

typedef struct {
  DecodeCut cut;                    /* of what is cut at all */
  uint32_t thread_blocks_per_piece; /* KV heads as a rule */
  uint32_t multiprocessors;
} DecodeWays;

typedef struct {
  bool is_cut;
  uint32_t num_pieces, num_lists, num_merges, num_partials;
  DecodePiece *pieces;
  uint32_t *starts; /* list i is pieces[starts[i]] … pieces[starts[i + 1] - 1]; maybe none */
  AttentionMerge *merges;
} DecodePlan;

/* False for lack of memory. The caller clears the plan. */
bool decode_plan_make(DecodePlan *plan, const DecodeBatch *batch, const DecodeWays *ways);
void decode_plan_clear(DecodePlan *plan);

/* The most that any batch of so many decodes gives; as many lists as each that is cut has. What is
 * cut into waves makes DECODE_MOST_WAVES full ones at most. */
enum { DECODE_MOST_WAVES = 6 };
DecodePlan decode_plan_most(uint32_t num_sequences, const DecodeWays *ways);

#ifdef __cplusplus
}
#endif
