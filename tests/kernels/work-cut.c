/* Jobs that are cut for lists: every unit of every job is in one piece, lists are even, counts are
 * those foreseen. */
#include "config.h"

#include <glib.h>

#include "kernels/work_cut.h"

enum { MOST_JOBS = 400, MOST_LISTS = 300 };

typedef struct {
  WorkCut cut;
  gint32 lengths[MOST_JOBS];
  gint64 load;
  WorkCounts counts;
  WorkPiece pieces[MOST_JOBS + MOST_LISTS];
  guint32 starts[MOST_LISTS + 1];
  WorkMerge merges[MOST_JOBS];
} Fixture;

static void
cut(Fixture *f)
{
  WorkCounts counted;

  f->cut.lengths = f->lengths;
  f->load = work_cut_load(&f->cut);
  counted = work_cut(&f->cut, f->load, NULL, NULL, NULL);
  f->counts = work_cut(&f->cut, f->load, f->pieces, f->starts, f->merges);
  g_assert_cmpmem(&counted, sizeof counted, &f->counts, sizeof f->counts);
}

/* Pieces follow each other through the jobs, without a gap. */
static void
check_whole(const Fixture *f)
{
  guint32 job = 0;
  gint32 at = 0, partials = 0;

  for (guint32 i = 0; i < f->counts.num_pieces; i++) {
    const WorkPiece *piece = &f->pieces[i];
    while (at == f->lengths[job]) {
      job++;
      at = 0;
    }
    g_assert_cmpuint(piece->job, ==, job);
    g_assert_cmpint(piece->first, ==, at);
    g_assert_cmpint(piece->end, >, piece->first);
    g_assert_true((piece->partial >= 0) == (piece->end - piece->first < f->lengths[job]));
    if (piece->partial >= 0) {
      g_assert_cmpint(piece->end - piece->first, >=, f->cut.least_units);
      g_assert_cmpint(piece->partial, ==, partials++);
    }
    at = piece->end;
  }
  while (job < f->cut.num_jobs && at == f->lengths[job]) {
    job++;
    at = 0;
  }
  g_assert_cmpuint(job, ==, f->cut.num_jobs);
  g_assert_cmpint(partials, ==, f->counts.num_partials);
}

static void
check_merges(const Fixture *f)
{
  gint32 next = 0;

  for (guint32 i = 0; i < f->counts.num_merges; i++) {
    g_assert_cmpint(f->merges[i].first_partial, ==, next);
    g_assert_cmpint(f->merges[i].num_partials, >, 1);
    next += f->merges[i].num_partials;
  }
  g_assert_cmpint(next, ==, f->counts.num_partials);
  for (guint32 i = 0; i < f->counts.num_pieces; i++)
    for (guint32 m = 0; m < f->counts.num_merges; m++)
      if (f->pieces[i].job == f->merges[m].job) {
        g_assert_cmpint(f->pieces[i].partial, >=, f->merges[m].first_partial);
        g_assert_cmpint(f->pieces[i].partial, <,
                        f->merges[m].first_partial + f->merges[m].num_partials);
      }
}

/* Returns the fullest list over the mean of all. */
static double
check_lists(const Fixture *f)
{
  double most = 0, all = 0;

  g_assert_cmpuint(f->starts[0], ==, 0);
  g_assert_cmpuint(f->starts[f->cut.num_lists], ==, f->counts.num_pieces);
  for (guint32 list = 0; list < f->cut.num_lists; list++) {
    gint64 load = 0;
    g_assert_cmpuint(f->starts[list], <=, f->starts[list + 1]);
    for (guint32 i = f->starts[list]; i < f->starts[list + 1]; i++)
      load += f->pieces[i].end - f->pieces[i].first + f->cut.piece_units;
    g_assert_cmpint(load, <=, f->load);
    most = MAX(most, (double)load);
    all += (double)load;
  }
  return most / (all / f->cut.num_lists);
}

static void
check_most(const Fixture *f)
{
  WorkCounts most = work_cut_most(f->cut.num_jobs, f->cut.num_lists);

  g_assert_cmpuint(f->counts.num_pieces, <=, most.num_pieces);
  g_assert_cmpuint(f->counts.num_merges, <=, most.num_merges);
  g_assert_cmpuint(f->counts.num_partials, <=, most.num_partials);
}

static void
test_random(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  g_autofree Fixture *f = g_new0(Fixture, 1);
  double worst = 0;

  for (guint i = 0; i < 5000; i++) {
    gint32 longest = 1 << g_rand_int_range(rand, 0, 12);
    gint64 all = 0;
    double found;
    f->cut.num_jobs = (guint32)g_rand_int_range(rand, 1, MOST_JOBS + 1);
    f->cut.num_lists = (guint32)g_rand_int_range(rand, 1, MOST_LISTS + 1);
    f->cut.piece_units = g_rand_int_range(rand, 0, 3);
    f->cut.least_units = g_rand_int_range(rand, 1, 4);
    for (guint32 job = 0; job < f->cut.num_jobs; job++) {
      f->lengths[job] =
          g_rand_int_range(rand, 0, 4) == 0 ? 0 : g_rand_int_range(rand, 1, longest + 1);
      all += f->lengths[job];
    }
    cut(f);
    check_whole(f);
    check_merges(f);
    check_most(f);
    if (all == 0)
      continue;
    found = check_lists(f);
    if (all >= 50 * f->cut.num_lists)
      worst = MAX(worst, found);
  }
  g_test_message("the fullest list has %.3f of the mean where that is 50 units or more", worst);
  g_assert_cmpfloat(worst, >, 1);
  g_assert_cmpfloat(worst, <, 1.1);
}

/* One job for many lists, and nothing at all. */
static void
test_edges(void)
{
  g_autofree Fixture *f = g_new0(Fixture, 1);

  f->cut = (WorkCut){.num_jobs = 1, .num_lists = 8, .piece_units = 1, .least_units = 2};
  f->lengths[0] = 80;
  cut(f);
  check_whole(f);
  g_assert_cmpint(f->load, ==, 11);
  g_assert_cmpuint(f->counts.num_partials, ==, 8);
  f->lengths[0] = 3; /* too short for two pieces of two */
  cut(f);
  g_assert_cmpuint(f->counts.num_pieces, ==, 1);
  g_assert_cmpuint(f->counts.num_merges, ==, 0);
  f->lengths[0] = 0;
  cut(f);
  g_assert_cmpint(f->load, ==, 0);
  g_assert_cmpuint(f->counts.num_pieces, ==, 0);
  g_assert_cmpuint(f->starts[8], ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/work-cut/random", test_random);
  g_test_add_func("/work-cut/edges", test_edges);
  return g_test_run();
}
