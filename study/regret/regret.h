/* Policies held against the best schedule that can be found, and against bounds. */
#pragma once

#include "exhaustive.h"
#include "field.h"
#include "report/figures.h"
#include "search.h"

/* Where nothing else is asked for: what all searches may play together. */
#define REGRET_PLAYS 2000

typedef struct {
  const Settings *settings;
  const Workload *workload;
  const char *verb;
  SearchBudget budget; /* deadline_us: microseconds from now */
  gboolean exhaustive;
  guint n_threads;
  KeptPlays *kept; /* NULL: plays are not kept */
} RegretRequest;

typedef struct {
  const char *overflow, *victim;
  SchedulerConfig config;
  guint order; /* in which it was named */
  PlayFigures figures;
  gint same_as;  /* a policy before it in the list that came to the same run, or -1 */
  Search search; /* from its run; not run where it is the same as another's */
} RegretPolicy;

typedef struct {
  const char *name, *help;
  PlayFigures figures;
} RegretBound;

typedef struct {
  RegretField *field;
  const Workload *workload;
  RunRecord header;  /* what all runs have in common */
  GArray *policies;  /* of RegretPolicy, the lowest mean latency first */
  GArray *bounds;    /* of RegretBound */
  PlayFigures best;  /* found by whatever means */
  gint best_from;    /* the policy from whose run it was found, or -1: by trying all */
  PlayFigures found; /* the best of the searches */
  gboolean has_exhaustive;
  Exhaustive exhaustive;
  guint64 plays;           /* of all searches */
  gboolean is_interrupted; /* by Ctrl-C or SIGTERM: the searches ended then */
} Regret;

#define REGRET_ERROR (regret_error_quark())
GQuark regret_error_quark(void);
typedef enum { REGRET_ERROR_ENDED } RegretError;

/* NULL with an error where the settings are wrong, or (REGRET_ERROR) no policy's run ends well. */
Regret *regret_new(const RegretRequest *request, GError **error);
void regret_free(Regret *regret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Regret, regret_free)

/* By how much the mean latency is above the best that was found: 0.1 is 10 %. NAN of a run that did
 * not end well. */
double regret_of(const Regret *regret, const PlayFigures *figures);

/* By how much the searches' best is above the best of all schedules; NAN where it is not known.
 * Native offload is no action at an eviction, so its runs are in neither. */
double regret_gap(const Regret *regret);

/* For people; one JSON object; a CSV row a policy. The caller frees. */
char *regret_text(const Regret *regret);
char *regret_json(const Regret *regret);
char *regret_csv(const Regret *regret);
