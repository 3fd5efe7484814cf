#include "kernels/work_cut.h"

/* The state of a cut: the list that is being filled. */
typedef struct {
  const WorkCut *cut;
  int64_t load, room; /* of a list, and what is left of this one */
  uint32_t list;
  WorkCounts counts;
  WorkPiece *pieces; /* or NULL */
  uint32_t *starts;
  WorkMerge *merges;
} Filling;

/* Begins the next list; false where there is none. */
static bool
next_list(Filling *f)
{
  f->list++;
  f->room = f->load;
  if (f->list < f->cut->num_lists && f->pieces != NULL)
    f->starts[f->list] = f->counts.num_pieces;
  return f->list < f->cut->num_lists;
}

/* How many of a job's remaining `left` units this list takes: all, or so many that neither part is
 * shorter than least_units, or 0. */
static int32_t
share(const Filling *f, int32_t left)
{
  const int64_t room = f->room - f->cut->piece_units;

  if (room >= left)
    return left;
  if (room < f->cut->least_units || left < 2 * f->cut->least_units)
    return 0;
  return room < left - f->cut->least_units ? (int32_t)room : left - f->cut->least_units;
}

static void
add_piece(Filling *f, uint32_t job, int32_t first, int32_t end, bool is_cut)
{
  if (f->pieces != NULL)
    f->pieces[f->counts.num_pieces] =
        (WorkPiece){.job = job,
                    .first = first,
                    .end = end,
                    .partial = is_cut ? (int32_t)f->counts.num_partials : -1};
  f->counts.num_pieces++;
  f->counts.num_partials += is_cut;
  f->room -= end - first + f->cut->piece_units;
}

static bool
add_job(Filling *f, uint32_t job)
{
  const int32_t length = f->cut->lengths[job], partial = (int32_t)f->counts.num_partials;
  bool is_cut = false;

  for (int32_t at = 0; at < length;) {
    const int32_t taken = share(f, length - at);
    if (taken == 0) {
      if (f->room == f->load || !next_list(f)) /* more than a whole list, or none is left */
        return false;
      continue;
    }
    is_cut |= taken < length;
    add_piece(f, job, at, at + taken, is_cut);
    at += taken;
  }
  if (is_cut) {
    if (f->pieces != NULL)
      f->merges[f->counts.num_merges] =
          (WorkMerge){.job = job,
                      .first_partial = partial,
                      .num_partials = (int32_t)f->counts.num_partials - partial};
    f->counts.num_merges++;
  }
  return true;
}

static bool
fill(Filling *f)
{
  f->room = f->load;
  if (f->pieces != NULL)
    f->starts[0] = 0;
  for (uint32_t job = 0; job < f->cut->num_jobs; job++)
    if (!add_job(f, job))
      return false;
  while (f->pieces != NULL && next_list(f))
    ;
  if (f->pieces != NULL)
    f->starts[f->cut->num_lists] = f->counts.num_pieces;
  return true;
}

int64_t
work_cut_load(const WorkCut *self)
{
  int64_t all = 0;
  uint32_t jobs = 0;

  for (uint32_t job = 0; job < self->num_jobs; job++)
    if (self->lengths[job] > 0) {
      all += self->lengths[job] + self->piece_units;
      jobs++;
    }
  /* A load of all work always fits, one below the mean never. */
  int64_t low = (all - 1) / self->num_lists + 1, high = all;
  if (jobs == 0)
    return 0;
  while (low < high) {
    Filling f = {.cut = self, .load = low + (high - low) / 2};
    if (fill(&f))
      high = f.load;
    else
      low = f.load + 1;
  }
  return high;
}

WorkCounts
work_cut(const WorkCut *self, int64_t load, WorkPiece *pieces, uint32_t *starts, WorkMerge *merges)
{
  Filling f = {.cut = self, .load = load, .pieces = pieces, .starts = starts, .merges = merges};

  fill(&f);
  return f.counts;
}

WorkCounts
work_cut_most(uint32_t num_jobs, uint32_t num_lists)
{
  const uint32_t cuts = num_lists - 1; /* one where a list ends and the next goes on */

  return (WorkCounts){.num_pieces = num_jobs + cuts,
                      .num_merges = num_jobs < cuts ? num_jobs : cuts,
                      .num_partials = 2 * cuts};
}
