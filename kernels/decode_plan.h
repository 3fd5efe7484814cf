/* How decodes are cut into pieces of context, each for one thread block a KV head.
 *
 * A sequence is a piece where that is best; otherwise all sequences are cut by one length, so that
 * pieces are equal work whatever the contexts are, and what the pieces of a sequence give is
 * merged. The length is chosen by how long the waves of thread blocks take, the last of which is
 * rarely full, and the merge.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DECODE_UNIT_TOKENS = 64 };    /* pieces end at a multiple, or with their sequence */
enum { DECODE_RESIDENT_BLOCKS = 2 }; /* thread blocks at once on a multiprocessor: 96 KiB each */

typedef struct {
  int32_t sequence;                /* of the batch */
  int32_t first_token, num_tokens; /* no tokens: there is no such piece */
  int32_t partial;                 /* where its result waits to be merged; -1: it is the result */
} DecodePiece;

/* A sequence of more than one piece. */
typedef struct {
  int32_t sequence;
  int32_t first_partial, num_partials; /* no partials: there is no such merge */
} DecodeMerge;

typedef struct {
  uint32_t num_pieces, num_merges, num_partials;
} DecodeCounts;

/* A sequence takes part that has one new token. `thread_blocks_per_piece`: how many there are for
 * each piece, KV heads as a rule. The longest piece allowed, a multiple of DECODE_UNIT_TOKENS. */
int32_t decode_plan_piece_tokens(const int32_t *query_starts, const int32_t *context_lens,
                                 uint32_t num_sequences, uint32_t thread_blocks_per_piece,
                                 uint32_t multiprocessors);

/* What cutting by that length gives; then the pieces, longest first, and merges themselves. */
DecodeCounts decode_plan_count(const int32_t *query_starts, const int32_t *context_lens,
                               uint32_t num_sequences, int32_t piece_tokens);
void decode_plan_cut(const int32_t *query_starts, const int32_t *context_lens,
                     uint32_t num_sequences, int32_t piece_tokens, DecodePiece *pieces,
                     DecodeMerge *merges);

/* The most that any batch of so many decodes gives: what is cut makes DECODE_MOST_WAVES full waves
 * of thread blocks at most. */
enum { DECODE_MOST_WAVES = 6 };
DecodeCounts decode_plan_most(uint32_t num_sequences, uint32_t thread_blocks_per_piece,
                              uint32_t multiprocessors);

#ifdef __cplusplus
}
#endif
