#include "kernels/decode_plan.h"

#include <float.h>
#include <stdbool.h>
#include <stdlib.h>

enum { MAX_SPLITS = 128, MIN_PIECE_UNITS = 2 };

/* Estimates, to be measured on a GPU. A thread block by itself is bound by its warps' chain of
 * loads and products, at some 40 GB/s; one of 264 on 4.8 TB/s has 18. Merging takes about 4 us; a
 * unit of one KV head of 128 dimensions, 32 KiB, 1.8 us. */
#define LEAST_WAVE 0.45
#define MERGE_UNITS 2.2

static bool
is_decode(const int32_t *query_starts, uint32_t sequence)
{
  return query_starts[sequence + 1] - query_starts[sequence] == 1;
}

static int32_t
units(int32_t tokens)
{
  return (tokens - 1) / DECODE_UNIT_TOKENS + 1;
}

/* How long thread blocks of `piece_units` each take to do `work_units`, in the time of a unit while
 * all places are taken and share the memory's bandwidth. The last wave is not full: its blocks read
 * faster, as far as a block alone can. */
static double
waves_take(double work_units, int32_t piece_units, uint32_t places)
{
  const double waves = work_units / ((double)piece_units * places);
  const double whole = (double)(int64_t)waves, rest = waves - whole;
  const double last = rest == 0 ? 0 : rest < LEAST_WAVE ? LEAST_WAVE : rest;

  return piece_units * (whole + last);
}

/* The fewest splits of the longest sequence that take 5 % more than the best, at most. */
static int32_t
choose_piece_units(double work_units, int32_t longest_units, uint32_t places)
{
  double best = DBL_MAX;

  for (int pass = 0; pass < 2; pass++) /* find the best, then what comes near it */
    for (int32_t splits = 1; splits <= MAX_SPLITS; splits++) {
      const int32_t piece_units = (longest_units - 1) / splits + 1;
      const double merge = splits > 1 ? MERGE_UNITS : 0;
      const double time = waves_take(work_units, piece_units, places) + merge;
      if (splits > 1 && (piece_units < MIN_PIECE_UNITS ||
                         work_units > (double)DECODE_MOST_WAVES * piece_units * places))
        break;
      if (pass == 0 && time < best)
        best = time;
      if (pass == 1 && time <= 1.05 * best)
        return piece_units;
    }
  return longest_units; /* not reached: the best is near itself */
}

int32_t
decode_plan_piece_tokens(const int32_t *query_starts, const int32_t *context_lens,
                         uint32_t num_sequences, uint32_t thread_blocks_per_piece,
                         uint32_t multiprocessors)
{
  int32_t longest_units = 1;
  double work_units = 0;

  for (uint32_t s = 0; s < num_sequences; s++)
    if (is_decode(query_starts, s)) {
      const int32_t sequence_units = units(context_lens[s]);
      work_units += (double)sequence_units * thread_blocks_per_piece;
      if (sequence_units > longest_units)
        longest_units = sequence_units;
    }
  longest_units =
      choose_piece_units(work_units, longest_units, DECODE_RESIDENT_BLOCKS * multiprocessors);
  return longest_units * DECODE_UNIT_TOKENS;
}

DecodeCounts
decode_plan_count(const int32_t *query_starts, const int32_t *context_lens, uint32_t num_sequences,
                  int32_t piece_tokens)
{
  DecodeCounts counts = {0};

  for (uint32_t s = 0; s < num_sequences; s++)
    if (is_decode(query_starts, s)) {
      const uint32_t pieces = (uint32_t)((context_lens[s] - 1) / piece_tokens + 1);
      counts.num_pieces += pieces;
      counts.num_merges += pieces > 1;
      counts.num_partials += pieces > 1 ? pieces : 0;
    }
  return counts;
}

static int
compare_longest_first(const void *a, const void *b)
{
  const DecodePiece *one = a, *other = b;

  if (one->num_tokens != other->num_tokens)
    return one->num_tokens > other->num_tokens ? -1 : 1;
  if (one->sequence != other->sequence)
    return one->sequence < other->sequence ? -1 : 1;
  return one->first_token < other->first_token ? -1 : one->first_token > other->first_token;
}

/* Into the fewest pieces that are short enough, of equal lengths but for one unit. */
void
decode_plan_cut(const int32_t *query_starts, const int32_t *context_lens, uint32_t num_sequences,
                int32_t piece_tokens, DecodePiece *pieces, DecodeMerge *merges)
{
  size_t num_pieces = 0;
  int32_t partial = 0;

  for (uint32_t s = 0; s < num_sequences; s++) {
    if (!is_decode(query_starts, s))
      continue;
    const int32_t context = context_lens[s], all_units = units(context);
    const int32_t count = (context - 1) / piece_tokens + 1;
    if (count > 1)
      *merges++ =
          (DecodeMerge){.sequence = (int32_t)s, .first_partial = partial, .num_partials = count};
    for (int32_t i = 0; i < count; i++) {
      const int32_t first = (int32_t)((int64_t)all_units * i / count) * DECODE_UNIT_TOKENS;
      const int32_t end = (int32_t)((int64_t)all_units * (i + 1) / count) * DECODE_UNIT_TOKENS;
      pieces[num_pieces++] = (DecodePiece){
          .sequence = (int32_t)s,
          .first_token = first,
          .num_tokens = (end < context ? end : context) - first,
          .partial = count > 1 ? partial++ : -1,
      };
    }
  }
  qsort(pieces, num_pieces, sizeof *pieces, compare_longest_first);
}

DecodeCounts
decode_plan_most(uint32_t num_sequences, uint32_t thread_blocks_per_piece, uint32_t multiprocessors)
{
  const uint32_t places = DECODE_RESIDENT_BLOCKS * multiprocessors;
  const uint32_t pieces = num_sequences + DECODE_MOST_WAVES * places / thread_blocks_per_piece;

  return (DecodeCounts){.num_pieces = pieces, .num_merges = num_sequences, .num_partials = pieces};
}
