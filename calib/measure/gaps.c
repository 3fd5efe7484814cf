/* Gaps of a family: the ranges between its samples, the error to be expected in each, and where to
 * measure next. */
#include "family.h"

#include <math.h>
#include <string.h>

#include "calib/curve.h"

/* The error of a gap of which nothing is known. */
#define UNKNOWN_ERROR 1.0
/* The least error of a gap that was not looked into: its ends do not show a step inside it. */
#define UNSEEN_ERROR 0.02
/* A gap spans no fewer. */
#define LEAST_OCTAVES 0.05
/* Gaps of less than this part of where they are stay as they are. */
#define LEAST_PART 32

static gint64
field(const ProfileSample *sample, guint axis)
{
  return axis != NO_AXIS ? sample->shape[axis] : 0;
}

static const ProfileSample *
sample_at(const CalibrationFamily *family, guint i)
{
  return &g_array_index(family->own->samples, ProfileSample, i);
}

/* Below 16 (tokens, bytes, copies) octaves count for less: 0 has to have a place, too. */
static double
octaves(gint64 low, gint64 high)
{
  return MAX(log2(((double)high + 16) / ((double)low + 16)), LEAST_OCTAVES);
}

static gint64
middle(const CalibrationGap *gap)
{
  gint64 at = (gint64)llround(sqrt((double)gap->low * (double)gap->high));

  at = gap->low == 0 ? gap->high / 4 : CLAMP(at, gap->low + 1, gap->high - 1);
  return at / gap->grain * gap->grain;
}

static gboolean
can_split(const CalibrationGap *gap)
{
  gint64 width = gap->high - gap->low;

  return !gap->is_closed && width >= 2 && width * LEAST_PART >= gap->low && middle(gap) > gap->low;
}

/* The family without one sample (row: without its whole row). */
static CalibrationFamily *
without(const CalibrationFamily *family, const ProfileSample *left_out, gboolean row)
{
  CalibrationFamily *rest =
      calibration_family_new(family->operation, family->variant, family->dtype, family->shape,
                             family->inner, family->outer);

  for (guint i = 0; i < family->own->samples->len; i++) {
    const ProfileSample *sample = sample_at(family, i);
    gboolean skip =
        row ? field(sample, family->outer) == field(left_out, family->outer) : sample == left_out;
    if (!skip)
      profile_add(rest->own, sample);
  }
  profile_seal(rest->own);
  return rest;
}

/* The relative error of the fit made without the sample; < 0: that fit gives no value. */
static double
left_out_error(const CalibrationFamily *family, const Device *device, const ProfileSample *sample,
               gboolean row)
{
  g_autoptr(CalibrationFamily) rest = without(family, sample, row);
  double ns = calibration_family_predict_ns(rest, device, sample->shape);

  return ns > 0 ? fabs(ns / sample->median_ns - 1) : -1;
}

typedef struct {
  gint64 row, at;
  double error; /* < 0: not known */
} Node;

static int
compare_nodes(gconstpointer a, gconstpointer b)
{
  const Node *p = a, *q = b;

  if (p->row != q->row)
    return p->row < q->row ? -1 : 1;
  return (p->at > q->at) - (p->at < q->at);
}

/* The error at a left-out point spans the gaps on both its sides: each gets half. */
static void
add_gaps(CalibrationFamily *family, const GArray *nodes, gboolean is_between_rows)
{
  for (guint i = 0; i + 1 < nodes->len; i++) {
    const Node *low = &g_array_index(nodes, Node, i), *high = &g_array_index(nodes, Node, i + 1);
    double error = MAX(low->error, high->error);
    CalibrationGap gap = {
        .is_between_rows = is_between_rows,
        .row = low->row,
        .low = low->at,
        .high = high->at,
        .grain = is_between_rows ? 1 : family->grain,
        .error = error >= 0 ? MAX(error / 2, UNSEEN_ERROR) : UNKNOWN_ERROR,
    };
    if (low->row == high->row)
      g_array_append_val(family->gaps, gap);
  }
}

static void
find_inner_gaps(CalibrationFamily *family, const Device *device)
{
  g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(Node));

  for (guint i = 0; i < family->own->samples->len; i++) {
    const ProfileSample *sample = sample_at(family, i);
    const Node node = {.row = field(sample, family->outer),
                       .at = field(sample, family->inner),
                       .error = left_out_error(family, device, sample, FALSE)};
    g_array_append_val(nodes, node);
  }
  g_array_sort(nodes, compare_nodes);
  add_gaps(family, nodes, FALSE);
}

/* The median error of a row's samples by a fit without that row. */
static double
row_error(const CalibrationFamily *family, const Device *device, gint64 row)
{
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));

  for (guint i = 0; i < family->own->samples->len; i++) {
    const ProfileSample *sample = sample_at(family, i);
    double error;
    if (field(sample, family->outer) != row)
      continue;
    error = left_out_error(family, device, sample, TRUE);
    if (error >= 0)
      g_array_append_val(errors, error);
  }
  if (errors->len == 0)
    return -1;
  g_array_sort(errors, curve_compare_doubles);
  return g_array_index(errors, double, errors->len / 2);
}

static void
find_outer_gaps(CalibrationFamily *family, const Device *device)
{
  g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(Node));

  for (guint i = 0; i < family->own->samples->len; i++) {
    Node node = {.at = field(sample_at(family, i), family->outer)};
    gboolean there = FALSE;
    for (guint j = 0; j < nodes->len; j++)
      there |= g_array_index(nodes, Node, j).at == node.at;
    if (there)
      continue;
    node.error = row_error(family, device, node.at);
    g_array_append_val(nodes, node);
  }
  g_array_sort(nodes, compare_nodes);
  add_gaps(family, nodes, TRUE);
}

void
calibration_family_find_gaps(CalibrationFamily *family, const Device *device)
{
  g_array_set_size(family->gaps, 0);
  if (family->inner != NO_AXIS)
    find_inner_gaps(family, device);
  if (family->outer != NO_AXIS)
    find_outer_gaps(family, device);
}

double
calibration_family_error(const CalibrationFamily *family)
{
  double sum[2] = {0, 0}, weights[2] = {0, 0};

  for (guint i = 0; i < family->gaps->len; i++) {
    const CalibrationGap *gap = &g_array_index(family->gaps, CalibrationGap, i);
    double weight = octaves(gap->low, gap->high);
    if (gap->high - gap->low < 2)
      continue;
    sum[gap->is_between_rows] += weight * gap->error;
    weights[gap->is_between_rows] += weight;
  }
  return MAX(weights[0] > 0 ? sum[0] / weights[0] : 0, weights[1] > 0 ? sum[1] / weights[1] : 0);
}

CalibrationGap *
calibration_family_next_gap(const CalibrationFamily *family, double *weight)
{
  CalibrationGap *best = NULL;
  guint outer = 0;
  double per_row; /* a gap between rows holds as many gaps as a row does */

  for (guint i = 0; i < family->gaps->len; i++)
    outer += g_array_index(family->gaps, CalibrationGap, i).is_between_rows;
  per_row = (double)(family->gaps->len - outer) / (outer + 1);
  *weight = -1;
  for (guint i = 0; i < family->gaps->len; i++) {
    CalibrationGap *gap = &g_array_index(family->gaps, CalibrationGap, i);
    double now = gap->error * octaves(gap->low, gap->high) * (gap->is_between_rows ? per_row : 1);
    if (now > *weight && can_split(gap)) {
      *weight = now;
      best = gap;
    }
  }
  return best;
}

CalibrationPoint
calibration_family_probe(const CalibrationFamily *family, const CalibrationGap *gap, GRand *random)
{
  gint64 at = middle(gap);
  g_autoptr(GArray) values = NULL;

  if (!gap->is_between_rows)
    return calibration_family_point(family, at, gap->row);
  values = calibration_family_row_between(family, gap->low, gap->high);
  if (values->len == 0)
    return calibration_family_point(family, -1, at);
  return calibration_family_point(
      family, g_array_index(values, gint64, g_rand_int_range(random, 0, (gint32)values->len)), at);
}

/* The gaps of a row that has come between two. */
static void
add_row_gaps(CalibrationFamily *family, gint64 row, double error)
{
  g_autoptr(GArray) nodes = g_array_new(FALSE, FALSE, sizeof(Node));

  for (guint i = 0; i < family->own->samples->len; i++) {
    const Node node = {
        .row = row, .at = field(sample_at(family, i), family->inner), .error = error};
    if (field(sample_at(family, i), family->outer) == row)
      g_array_append_val(nodes, node);
  }
  g_array_sort(nodes, compare_nodes);
  add_gaps(family, nodes, FALSE);
}

void
calibration_family_settle(CalibrationFamily *family, CalibrationGap *gap, double error,
                          gboolean is_split)
{
  CalibrationGap upper = *gap;
  gint64 at = middle(gap);

  if (!is_split) {
    gap->error = error;
    gap->is_closed = TRUE;
    return;
  }
  gap->error = upper.error = error / 2;
  gap->high = upper.low = at;
  g_array_append_val(family->gaps, upper);
  if (upper.is_between_rows)
    add_row_gaps(family, at, error);
}
