/* How much load settings hold: the searches of a study's cells, in parallel, and what they come to.
 * `spillway capacity`.
 */
#pragma once

#include "report/results/results.h"
#include "search.h"
#include "study/plan.h"

typedef struct {
  const StudyPlan *plan;
  Shelf *shelf;
  SearchKind kind;
  Slo slo;
  GPtrArray *searches; /* of json_t, one a cell: capacity_search()'s; NULL: not done */
  GPtrArray *failures; /* of char *, one a cell: why not, or NULL */
} Capacity;

/* Searches, on n_jobs processes (0: one a core), every cell that has no search yet. results: where
 * finished searches are kept and looked for; NULL: nowhere. *n_run: how many were made now. FALSE
 * with an error where the database cannot be used; without one where it was told to stop. */
gboolean capacity_run(Capacity *capacity, Results *results, guint n_jobs, guint *n_run,
                      GError **error);

/* A setting, over its seeds. */
typedef struct {
  guint point;
  const char *name;       /* of the grid's point; "" where there is no grid */
  const char *failure;    /* why it could not be searched; NULL: it was */
  gboolean unlimited;     /* with at least one seed every load holds */
  double load;            /* mean of what the seeds hold; 0: none holds; NAN: failed */
  double low, high;       /* with several seeds a 95 % interval of the mean, else the bracket */
  gboolean is_short;      /* far fewer requests a second were served than the rate: too few requests
                             for a steady state, so the rate could not be held for long */
  const char *limited_by; /* the figure that most seeds are limited by; NULL: no limit */
  guint cards;
  gboolean is_bound; /* one of the grid's values is a policy that knows or gets what no server can:
                        never the best, nor on the front, where another is none */
  gboolean on_front; /* no other has as much load, no more latency and no more cards */
  json_t *figures;   /* at the load: KEY → mean over the seeds */
} CapacityRow;

/* Of CapacityRow: what can be had before bounds, the most load first, failures last. */
GArray *capacity_rows(const Capacity *capacity);

char *capacity_text(const Capacity *capacity);
char *capacity_json(const Capacity *capacity);
char *capacity_csv(const Capacity *capacity);
json_t *capacity_page_data(const Capacity *capacity);
