#include "kernels/decode_plan.h"

#include <float.h>
#include <stdlib.h>

enum { MAX_SPLITS = 128, MIN_PIECE_UNITS = 2 };

/* Estimates, not measured on a GPU. A thread block alone is bound by its warps' chain of loads and
 * products, at some 40 GB/s; each of 264 that share 4.8 TB/s gets 18, so the last wave takes at
 * least 18 / 40 of a full one. Merging takes about 4 us; a unit of one KV head of 128 dimensions,
 * 32 KiB, 1.8 us. A piece that begins fills its rings again, about 1.5 us. */
#define LEAST_WAVE 0.45
#define MERGE_UNITS 2.2
enum { PIECE_UNITS = 1 };

static bool
is_decode(const DecodeBatch *batch, uint32_t sequence)
{
  return batch->query_starts[sequence + 1] - batch->query_starts[sequence] == 1;
}

static int32_t
units(int32_t tokens)
{
  return (tokens - 1) / DECODE_UNIT_TOKENS + 1;
}

static uint32_t
places(const DecodeWays *ways)
{
  return DECODE_RESIDENT_BLOCKS * ways->multiprocessors;
}

/* The number of lists: as many as run at once, at least one. */
static uint32_t
lists(const DecodeWays *ways)
{
  const uint32_t whole = places(ways) / ways->thread_blocks_per_piece;

  return whole < 1 ? 1 : whole;
}

/* How long thread blocks of `piece_units` each take for `work_units` of work, in the time of a unit
 * while all places are taken and share the memory's bandwidth. Thread blocks of the last wave,
 * which is not full, read faster, up to the speed of a thread block alone. */
static double
waves_take(double work_units, double piece_units, uint32_t all_places)
{
  const double waves = work_units / (piece_units * all_places);
  const double whole = (double)(int64_t)waves, rest = waves - whole;
  const double last = rest == 0 ? 0 : rest < LEAST_WAVE ? LEAST_WAVE : rest;

  return piece_units * (whole + last);
}

/* The work of a batch. lengths: of each sequence, in units; 0 where it does not decode. */
typedef struct {
  int32_t *lengths;
  uint32_t num_decodes;
  int32_t longest;
  double work; /* of all thread blocks */
} Work;

static bool
measure(Work *work, const DecodeBatch *batch, const DecodeWays *ways)
{
  *work = (Work){.lengths = calloc(batch->num_sequences + 1, sizeof *work->lengths), .longest = 1};
  if (work->lengths == NULL)
    return false;
  for (uint32_t s = 0; s < batch->num_sequences; s++)
    if (is_decode(batch, s)) {
      work->lengths[s] = units(batch->context_lens[s]);
      work->work += (double)work->lengths[s] * ways->thread_blocks_per_piece;
      work->longest = work->lengths[s] > work->longest ? work->lengths[s] : work->longest;
      work->num_decodes++;
    }
  return true;
}

static bool
allocate(DecodePlan *plan)
{
  plan->pieces = malloc(plan->num_pieces * sizeof *plan->pieces + 1);
  plan->starts = malloc((plan->num_lists + 1) * sizeof *plan->starts);
  plan->merges = malloc(plan->num_merges * sizeof *plan->merges + 1);
  return plan->pieces != NULL && plan->starts != NULL && plan->merges != NULL;
}

static DecodePiece
piece_of(const DecodeBatch *batch, uint32_t sequence, int32_t first_unit, int32_t end_unit,
         int32_t partial)
{
  const int32_t first = first_unit * DECODE_UNIT_TOKENS, end = end_unit * DECODE_UNIT_TOKENS;
  const int32_t context = batch->context_lens[sequence];

  return (DecodePiece){.sequence = (int32_t)sequence,
                       .first_token = first,
                       .num_tokens = (end < context ? end : context) - first,
                       .partial = partial};
}

/* Lists of equal work. */
static bool
cut_lists(DecodePlan *plan, const DecodeBatch *batch, const WorkCut *cut, int64_t load)
{
  const WorkCounts counts = work_cut(cut, load, NULL, NULL, NULL);
  WorkPiece *pieces = malloc(counts.num_pieces * sizeof *pieces + 1);
  WorkMerge *merges = malloc(counts.num_merges * sizeof *merges + 1);
  bool is_made = false;

  plan->is_cut = true;
  plan->num_pieces = counts.num_pieces;
  plan->num_lists = cut->num_lists;
  plan->num_merges = counts.num_merges;
  plan->num_partials = counts.num_partials;
  if (pieces != NULL && merges != NULL && allocate(plan)) {
    work_cut(cut, load, pieces, plan->starts, merges);
    for (uint32_t i = 0; i < counts.num_pieces; i++)
      plan->pieces[i] =
          piece_of(batch, pieces[i].job, pieces[i].first, pieces[i].end, pieces[i].partial);
    for (uint32_t i = 0; i < counts.num_merges; i++)
      plan->merges[i] = (AttentionMerge){.sequence = (int32_t)merges[i].job,
                                         .first_partial = merges[i].first_partial,
                                         .num_partials = merges[i].num_partials};
    is_made = true;
  }
  free(pieces);
  free(merges);
  return is_made;
}

/* The length of pieces: with the fewest splits of the longest sequence whose time is within 5 % of
 * the best. */
static int32_t
choose_piece_units(const Work *work, uint32_t all_places)
{
  double best = DBL_MAX;

  for (int pass = 0; pass < 2; pass++) /* find the best, then what comes near it */
    for (int32_t splits = 1; splits <= MAX_SPLITS; splits++) {
      const int32_t piece_units = (work->longest - 1) / splits + 1;
      const double merge = splits > 1 ? MERGE_UNITS : 0;
      const double time = waves_take(work->work, piece_units, all_places) + merge;
      if (splits > 1 && (piece_units < MIN_PIECE_UNITS ||
                         work->work > (double)DECODE_MOST_WAVES * piece_units * all_places))
        break;
      if (pass == 0 && time < best)
        best = time;
      if (pass == 1 && time <= 1.05 * best)
        return piece_units;
    }
  return work->longest; /* not reached: the second pass finds the best at the latest */
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

/* The fewest pieces that a sequence of `length` units needs; they differ by at most one unit. */
static uint32_t
count_pieces(int32_t length, int32_t piece_units)
{
  return length == 0 ? 0 : (uint32_t)((length - 1) / piece_units + 1);
}

/* Pieces of at most piece_units, longest first, each a list of its own. */
static bool
cut_waves(DecodePlan *plan, const DecodeBatch *batch, const Work *work, int32_t piece_units)
{
  uint32_t at = 0, merge = 0;
  int32_t partial = 0;

  for (uint32_t s = 0; s < batch->num_sequences; s++) {
    const uint32_t count = count_pieces(work->lengths[s], piece_units);
    plan->num_pieces += count;
    plan->num_merges += count > 1;
    plan->num_partials += count > 1 ? count : 0;
  }
  plan->num_lists = plan->num_pieces;
  plan->is_cut = plan->num_merges > 0;
  if (!allocate(plan))
    return false;
  for (uint32_t s = 0; s < batch->num_sequences; s++) {
    const int32_t length = work->lengths[s];
    const int32_t count = (int32_t)count_pieces(length, piece_units);
    if (count > 1)
      plan->merges[merge++] =
          (AttentionMerge){.sequence = (int32_t)s, .first_partial = partial, .num_partials = count};
    for (int32_t i = 0; i < count; i++)
      plan->pieces[at++] =
          piece_of(batch, s, (int32_t)((int64_t)length * i / count),
                   (int32_t)((int64_t)length * (i + 1) / count), count > 1 ? partial++ : -1);
  }
  qsort(plan->pieces, plan->num_pieces, sizeof *plan->pieces, compare_longest_first);
  for (uint32_t i = 0; i <= plan->num_lists; i++)
    plan->starts[i] = i;
  return true;
}

static bool
make(DecodePlan *plan, const DecodeBatch *batch, const DecodeWays *ways, const Work *work)
{
  if (work->num_decodes == 0 || ways->cut == DECODE_WAVES)
    return cut_waves(plan, batch, work,
                     work->num_decodes == 0 ? 1 : choose_piece_units(work, places(ways)));

  const WorkCut cut = {.lengths = work->lengths,
                       .num_jobs = batch->num_sequences,
                       .num_lists = lists(ways),
                       .piece_units = PIECE_UNITS,
                       .least_units = MIN_PIECE_UNITS};
  const int64_t load = work_cut_load(&cut);
  const double filled = (double)cut.num_lists * ways->thread_blocks_per_piece;
  const double whole = waves_take(work->work, work->longest, places(ways));
  const double listed = waves_take((double)load * filled, (double)load, places(ways)) + MERGE_UNITS;

  if (listed < 0.95 * (whole + PIECE_UNITS))
    return cut_lists(plan, batch, &cut, load);
  return cut_waves(plan, batch, work, work->longest);
}

bool
decode_plan_make(DecodePlan *plan, const DecodeBatch *batch, const DecodeWays *ways)
{
  Work work;
  bool is_made = measure(&work, batch, ways);

  *plan = (DecodePlan){0};
  if (is_made)
    is_made = make(plan, batch, ways, &work);
  free(work.lengths);
  if (!is_made)
    decode_plan_clear(plan);
  return is_made;
}

void
decode_plan_clear(DecodePlan *plan)
{
  free(plan->pieces);
  free(plan->starts);
  free(plan->merges);
  *plan = (DecodePlan){0};
}

DecodePlan
decode_plan_most(uint32_t num_sequences, const DecodeWays *ways)
{
  if (ways->cut == DECODE_WAVES) {
    const uint32_t pieces =
        num_sequences + DECODE_MOST_WAVES * places(ways) / ways->thread_blocks_per_piece;
    return (DecodePlan){.is_cut = true,
                        .num_pieces = pieces,
                        .num_lists = pieces,
                        .num_merges = num_sequences,
                        .num_partials = pieces};
  }
  const WorkCounts most = work_cut_most(num_sequences, lists(ways));
  return (DecodePlan){.is_cut = true,
                      .num_pieces = most.num_pieces,
                      .num_lists = lists(ways),
                      .num_merges = most.num_merges,
                      .num_partials = most.num_partials};
}
