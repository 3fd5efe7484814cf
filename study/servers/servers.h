/* Published points against predictions: each is run as its benchmark ran, and the errors are told
 * by what points share. `spillway servers`.
 */
#pragma once

#include <jansson.h>

#include "point.h"
#include "scenario/shelf.h"

/* Sets each point's prediction, or why there is none, on n_jobs processes (0: one a core). The same
 * whatever their number. Told to stop (Ctrl-C, SIGTERM), it refuses the points that were not run:
 * *n_done of *n_runnable were. FALSE where no process can be had. */
gboolean servers_predict(GPtrArray *points, const Settings *given, Shelf *shelf, guint n_jobs,
                         guint *n_done, guint *n_runnable, GError **error);

/* Errors are predicted / published - 1. */
typedef struct {
  double median, median_abs, mean_abs; /* NAN: there is none */
} ServerError;

typedef struct {
  const char *card, *engine, *model, *precision; /* what they share; NULL: they do not */
  guint tp;                                      /* likewise, 0 */
  guint n, refused;
  ServerError ttft, tpot;
} ServerGroup;

/* Groups of all points, of each card, engine, model, precision and TP, then of each combination of
 * these. Of ServerGroup, the caller's. Names are the points'. */
GArray *servers_groups(const GPtrArray *points);
/* "h100-sxm, vllm, …": what they share. Caller frees. */
char *server_group_name(const ServerGroup *group);

/* Predicted / published - 1; NAN where one of them is missing. */
double server_ttft_error(const ServerPoint *point);
double server_tpot_error(const ServerPoint *point);

/* Whole outputs, for the caller to free. */
char *servers_text(const GPtrArray *points);
char *servers_json(const GPtrArray *points);
char *servers_csv(const GPtrArray *points);
/* Of the page. */
json_t *servers_page_data(const GPtrArray *points);
