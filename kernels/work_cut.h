/* Cuts jobs of different lengths into pieces and deals them to lists, so that the thread blocks
 * that work on the lists end at the same time.
 *
 * Each list in turn takes the next jobs until it is full: so a list cuts at most one job at either
 * end. The results of a job's pieces have to be merged. FlashMLA's tile scheduler and "stream-K"
 * (Osama et al. 2023) distribute work in this way. A piece has a fixed cost besides its length, for
 * its queries, its first copies and its result.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  const int32_t *lengths; /* of jobs, in units; 0: no work */
  uint32_t num_jobs, num_lists;
  int32_t piece_units; /* fixed cost of a piece, in units */
  int32_t least_units; /* no piece of a job that is cut is shorter */
} WorkCut;

typedef struct {
  uint32_t job;
  int32_t first, end; /* units of the job */
  int32_t partial;    /* index of its partial result, which is merged; -1: it is the whole job */
} WorkPiece;

/* A job of more than one piece; their partials are consecutive. */
typedef struct {
  uint32_t job;
  int32_t first_partial, num_partials;
} WorkMerge;

typedef struct {
  uint32_t num_pieces, num_merges, num_partials;
} WorkCounts;

/* The smallest load of the fullest list that is possible, in units, fixed costs included. */
int64_t work_cut_load(const WorkCut *self);

/* Cuts the jobs into lists of at most `load` (from work_cut_load()). List i is pieces[starts[i]] …
 * pieces[starts[i + 1] - 1]; `starts` has num_lists + 1 entries, and the last lists may be empty.
 * pieces NULL: only counts. */
WorkCounts work_cut(const WorkCut *self, int64_t load, WorkPiece *pieces, uint32_t *starts,
                    WorkMerge *merges);

/* The largest counts of any cut of so many jobs. */
WorkCounts work_cut_most(uint32_t num_jobs, uint32_t num_lists);

#ifdef __cplusplus
}
#endif
