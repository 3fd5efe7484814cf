/* The figures of a run: one table from which JSON, CSV, the results database, the comparison, the
 * texts, the page and the list of figures (`spillway list figures`, the man page) take names, order
 * and values, so that they cannot disagree.
 *
 * A key is the JSON name, '.' between an object and its member ("ttft_s.p50"). It is a CSV column
 * as it is, and a column of the database with '_' for '.'. Keys end in their unit; no unit: a
 * count.
 */
#pragma once

#include <jansson.h>

#include "report/against/against.h"
#include "sim/metrics.h"

/* A finished run, as all of report/ takes it. The caller's, whole. */
typedef struct {
  const char *name; /* what tells it from others: the overflow policy, a study's cell */
  Summary summary;
  guint32 num_gpu_blocks, num_cpu_blocks, num_disk_blocks;
  double wall_s;           /* real time of the simulation */
  double measured_spread;  /* (p90 - p10) / median of the timings behind the measured part; 0 where
                              the source has one figure, or nothing was measured */
  double slowdown;         /* makespan / makespan with unlimited memory; NAN: one of the two runs
                              ended badly, or they finished other requests */
  double latency_slowdown; /* the same of the mean time from arrival to finish */
  double swapped_out_bytes, swapped_in_bytes; /* of a card; NAN: a block has no size */
  double disk_written_bytes, disk_read_bytes; /* of all cards; likewise */
  json_t *config;                             /* an object with every resolved setting, or NULL */
  AgainstFigures *against;                    /* the run held against a measured one, or NULL */
} RunRecord;

typedef enum {
  FIGURE_U64,
  FIGURE_U32,
  FIGURE_DOUBLE,         /* NAN: there is none */
  FIGURE_PS,             /* kept in picoseconds, told in seconds */
  FIGURE_END,            /* text */
  FIGURE_END_REASON,     /* text */
  FIGURE_MEASURED_SHARE, /* of the device's time, 0 to 1 */
  FIGURE_SCALED_SHARE,
} FigureType;

typedef enum { BETTER_NEITHER, BETTER_LOW, BETTER_HIGH } FigureBetter;

typedef struct {
  const char *key;
  FigureType type;
  gsize offset;      /* in RunRecord; 0 where the type says it all */
  const char *label; /* its row in a comparison; NULL: none */
  FigureBetter better;
  const char *help;    /* what it is, for `spillway list figures` */
  gboolean always;     /* its row is there even where it is 0 in every run, unless none has it */
  const char *heading; /* of its column in a study's table, which is narrow; NULL: none */
} Figure;

/* What is told as quantiles: the key of their object ("ttft_s"), its name in texts ("first token",
 * with the statistic behind it in a figure's label), and where they are. In the order of a
 * request's life. */
typedef struct {
  const char *key, *label;
  gsize offset; /* in RunRecord */
} FigureLatency;

const FigureLatency *figure_latencies(guint *n);
const Quantiles *figure_quantiles(const FigureLatency *latency, const RunRecord *record);

/* What a component of the device's time is called in texts and on the page. */
const char *figure_component_label(CostComponent component);

/* All figures in the order of the JSON, `*n` of them. */
const Figure *figures(guint *n);
const Figure *figure_find(const char *key);

gboolean figure_is_text(const Figure *figure);
gboolean figure_is_count(const Figure *figure);
/* TRUE for times (seconds), not for rates. */
gboolean figure_is_duration(const Figure *figure);
/* TRUE for fractions of the busy time. */
gboolean figure_is_share(const Figure *figure);
const char *figure_text(const Figure *figure, const RunRecord *record);
guint64 figure_count(const Figure *figure, const RunRecord *record);
/* Of any figure that is not a text. */
double figure_real(const Figure *figure, const RunRecord *record);
/* The share of the busy time that is the host's. */
double figure_host_share(const RunRecord *record);
/* Sets it in a record that is read back. Shares need busy_ps, so set them after "busy_s". */
void figure_set_real(const Figure *figure, RunRecord *record, double value);
void figure_set_text(const Figure *figure, RunRecord *record, const char *text);

/* The largest of the runs' figures, which decides the unit of a row; 0 where there is none. */
double figure_largest(const Figure *figure, const RunRecord *records, guint n_records);
/* Whether the figure has a row where these runs are compared: it has a label, and not only 0. */
gboolean figure_is_shown(const Figure *figure, const RunRecord *records, guint n_records);
