/* Cuts jobs of unlike lengths into pieces, and deals these to lists, so that the thread blocks that
 * work on the lists end together.
 *
 * Jobs stand in a row, and each list takes the next pieces of it until it is full: so a list cuts
 * at most one job at either end, and what the pieces of a job give has to be merged. This is how
 * FlashMLA's tile scheduler and "stream-K" (Osama et al. 2023) share work out. A piece costs
 * something besides its length, for its queries, its first copies and its result.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const int32_t *lengths; /* of jobs, in units; 0: there is nothing to do */
  uint32_t num_jobs, num_lists;
  int32_t piece_units; /* what a piece costs besides */
  int32_t least_units; /* no piece of a job that is cut is shorter */
} WorkCut;

typedef struct {
  uint32_t job;
  int32_t first, end; /* units of the job */
  int32_t partial;    /* where its result waits to be merged; -1: it is the result */
} WorkPiece;

/* A job of more than one piece; their partials stand one behind the other. */
typedef struct {
  uint32_t job;
  int32_t first_partial, num_partials;
} WorkMerge;

typedef struct {
  uint32_t num_pieces, num_merges, num_partials;
} WorkCounts;

/* The least that the fullest list can have, in units, with what pieces cost besides. */
int64_t work_cut_load(const WorkCut *self);

/* Cuts for lists of `load`, one that work_cut_load() gave. List i is pieces[starts[i]] up to
 * pieces[starts[i + 1] - 1]; `starts` has num_lists + 1 places, and lists that nothing is left for
 * are empty. Where `pieces` is NULL only counts. */
WorkCounts work_cut(const WorkCut *self, int64_t load, WorkPiece *pieces, uint32_t *starts,
                    WorkMerge *merges);

/* The most that any cut of so many jobs gives. */
WorkCounts work_cut_most(uint32_t num_jobs, uint32_t num_lists);

#ifdef __cplusplus
}
#endif
