#include "kernels/decode_plan.h"

#include <stdbool.h>
#include <stdlib.h>

enum { MAX_SPLITS = 128, MIN_PIECE_UNITS = 2 };

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

/* How full the waves of thread blocks are, if each does `piece_units` of `work_units`. */
static double
wave_efficiency(double work_units, int32_t piece_units, uint32_t multiprocessors)
{
  const double waves = work_units / ((double)piece_units * multiprocessors);
  const double started = (double)(int64_t)waves;

  return waves / (started < waves ? started + 1 : started);
}

/* The fewest splits of the longest sequence within 85 % of the best efficiency. */
static int32_t
choose_piece_units(double work_units, int32_t longest_units, uint32_t multiprocessors)
{
  double best = 0;

  for (int pass = 0; pass < 2; pass++) /* find the best, then what comes near it */
    for (int32_t splits = 1; splits <= MAX_SPLITS; splits++) {
      const int32_t piece_units = (longest_units - 1) / splits + 1;
      if (piece_units < MIN_PIECE_UNITS && splits > 1)
        break;
      const double efficiency = wave_efficiency(work_units, piece_units, multiprocessors);
      if (pass == 0 && efficiency > best)
        best = efficiency;
      if (pass == 1 && efficiency >= 0.85 * best)
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
  if (work_units < 0.8 * longest_units * multiprocessors)
    longest_units = choose_piece_units(work_units, longest_units, multiprocessors);
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
  const uint32_t pieces =
      num_sequences + DECODE_MOST_WAVES * multiprocessors / thread_blocks_per_piece;

  return (DecodeCounts){.num_pieces = pieces, .num_merges = num_sequences, .num_partials = pieces};
}
