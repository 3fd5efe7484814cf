/* Rows, points and predictions of a family. gaps.c has the gaps. */
#include "family.h"

#include <math.h>
#include <string.h>

#include "calib/cost/attention_fit.h"
#include "calib/cost/gemm_fit.h"
#include "calib/cost/operation_fit.h"
#include "sim/units.h"

static void
free_group(gpointer data)
{
  CalibrationGroup *group = data;

  g_array_unref(group->points);
  g_free(group);
}

CalibrationFamily *
calibration_family_new(OperationKind operation, const char *variant, const char *dtype,
                       const gint64 *shape, guint inner, guint outer)
{
  CalibrationFamily *family = g_new0(CalibrationFamily, 1);
  const ProfileOrigin origin = {.source = ""};

  family->operation = operation;
  family->variant = g_strdup(variant);
  family->dtype = dtype;
  family->kernels = "";
  memcpy(family->shape, shape, operation_n_shape(operation) * sizeof *shape);
  family->inner = inner;
  family->outer = outer;
  family->grain = 1;
  family->groups = g_ptr_array_new_with_free_func(free_group);
  family->held_out = g_array_new(FALSE, FALSE, sizeof(CalibrationPoint));
  family->gaps = g_array_new(FALSE, FALSE, sizeof(CalibrationGap));
  family->own = profile_new("", "");
  profile_add_origin(family->own, &origin);
  return family;
}

void
calibration_family_free(CalibrationFamily *family)
{
  if (family == NULL)
    return;
  g_free(family->variant);
  g_ptr_array_unref(family->groups);
  g_array_unref(family->held_out);
  g_array_unref(family->gaps);
  profile_free(family->own);
  g_free(family);
}

CalibrationGroup *
calibration_family_add_group(CalibrationFamily *family, CalibrationPass pass, gboolean is_whole)
{
  CalibrationGroup *group = g_new0(CalibrationGroup, 1);

  group->pass = pass;
  group->is_whole = is_whole;
  group->points = g_array_new(FALSE, FALSE, sizeof(CalibrationPoint));
  g_ptr_array_add(family->groups, group);
  return group;
}

void
calibration_group_add(CalibrationGroup *group, const char *variant, const gint64 *shape)
{
  CalibrationPoint point = {.variant = variant};

  memcpy(point.shape, shape, sizeof point.shape);
  g_array_append_val(group->points, point);
}

CalibrationPoint
calibration_family_point(const CalibrationFamily *family, gint64 inner, gint64 outer)
{
  CalibrationPoint point = {.variant = family->variant};

  memcpy(point.shape, family->shape, sizeof point.shape);
  point.shape[family->inner] = inner;
  if (family->outer != NO_AXIS)
    point.shape[family->outer] = outer;
  return point;
}

ProfileSample
calibration_family_key(const CalibrationFamily *family, const CalibrationPoint *point)
{
  ProfileSample key = {.operation = (guint8)family->operation,
                       .variant = point->variant,
                       .dtype = family->dtype,
                       .kernel = family->kernels};

  memcpy(key.shape, point->shape, sizeof key.shape);
  return key;
}

void
calibration_family_add_sample(CalibrationFamily *family, const ProfileSample *sample)
{
  ProfileSample copy = *sample;

  copy.origin = 0;
  profile_add(family->own, &copy);
  profile_seal(family->own);
}

static double
predict_gemm_ps(const CalibrationFamily *family, const Device *device, const gint64 *shape,
                gboolean *inside)
{
  const WhatIf none = WHAT_IF_NONE;
  g_autoptr(GemmFit) fit = gemm_fit_new(family->own, device, family->dtype, NULL, NULL);

  return fit != NULL ? gemm_fit_ps(fit, &none, (guint64)shape[0], (guint64)shape[1],
                                   (guint64)shape[2], inside)
                     : 0;
}

static double
predict_attention_ps(const CalibrationFamily *family, const gint64 *shape, gboolean *inside)
{
  const AttentionKey key = {.operation = OP_ATTENTION,
                            .variant = "",
                            .dtype = family->dtype,
                            .shape = {shape[5], shape[6], shape[7]}};
  const AttentionPoint point = {.new_tokens = (double)shape[1],
                                .cached_tokens = (double)shape[2],
                                .decodes = (double)shape[3],
                                .context = (double)shape[4]};
  g_autoptr(AttentionFit) fit = attention_fit_new(family->own, &key, NULL, NULL);

  return fit != NULL ? attention_fit_ps(fit, &point, inside) : 0;
}

static double
predict_curve_ps(const CalibrationFamily *family, const gint64 *shape, gboolean *inside)
{
  OperationCurve *curve = operation_curve_new(family->own, family->operation, family->variant,
                                              family->dtype, 0, 1, (guint64)shape[1]);
  double ps = curve != NULL ? operation_curve_ps(curve, (double)shape[0], inside) : 0;

  operation_curve_free(curve);
  return ps;
}

static double
predict_sheet_ps(const CalibrationFamily *family, const gint64 *shape, gboolean *inside)
{
  OperationSheet *sheet =
      operation_sheet_new(family->own, family->operation, family->variant, family->dtype, NULL);
  double ps =
      sheet != NULL ? operation_sheet_ps(sheet, (double)shape[0], (double)shape[1], inside) : 0;

  operation_sheet_free(sheet);
  return ps;
}

double
calibration_family_predict_ns(const CalibrationFamily *family, const Device *device,
                              const gint64 *shape)
{
  gboolean inside = FALSE;
  double ps = 0;

  switch (family->operation) {
  case OP_GEMM:
    ps = predict_gemm_ps(family, device, shape, &inside);
    break;
  case OP_ATTENTION:
    ps = predict_attention_ps(family, shape, &inside);
    break;
  case OP_COPY:
    ps = predict_sheet_ps(family, shape, &inside);
    break;
  case OP_ELEMENTWISE:
  case OP_SAMPLING:
    ps = predict_curve_ps(family, shape, &inside);
    break;
  default: /* not interpolated */
    break;
  }
  return inside ? ps / PS_PER_NS : 0;
}

/* The rows that are planned, ascending; without an outer field only row 0. */
static GArray *
planned_rows(const CalibrationFamily *family)
{
  GArray *rows = g_array_new(FALSE, FALSE, sizeof(gint64));

  for (guint g = 0; g < family->groups->len; g++) {
    const CalibrationGroup *group = g_ptr_array_index(family->groups, g);
    for (guint i = 0; i < group->points->len; i++) {
      const CalibrationPoint *point = &g_array_index(group->points, CalibrationPoint, i);
      gint64 row = family->outer != NO_AXIS ? point->shape[family->outer] : 0;
      guint at = 0;
      while (at < rows->len && g_array_index(rows, gint64, at) < row)
        at++;
      if (at == rows->len || g_array_index(rows, gint64, at) != row)
        g_array_insert_val(rows, at, row);
    }
  }
  return rows;
}

static void
insert_once(GArray *values, gint64 value)
{
  guint at = 0;

  while (at < values->len && g_array_index(values, gint64, at) < value)
    at++;
  if (at == values->len || g_array_index(values, gint64, at) != value)
    g_array_insert_val(values, at, value);
}

/* The points that are planned or measured in a row. */
static GArray *
row_values(const CalibrationFamily *family, gint64 row)
{
  GArray *values = g_array_new(FALSE, FALSE, sizeof(gint64));

  for (guint g = 0; g < family->groups->len; g++) {
    const CalibrationGroup *group = g_ptr_array_index(family->groups, g);
    for (guint i = 0; i < group->points->len; i++) {
      const CalibrationPoint *point = &g_array_index(group->points, CalibrationPoint, i);
      if (family->outer == NO_AXIS || point->shape[family->outer] == row)
        insert_once(values, point->shape[family->inner]);
    }
  }
  for (guint i = 0; i < family->own->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(family->own->samples, ProfileSample, i);
    if (family->outer == NO_AXIS || sample->shape[family->outer] == row)
      insert_once(values, sample->shape[family->inner]);
  }
  return values;
}

GArray *
calibration_family_row_between(const CalibrationFamily *family, gint64 low, gint64 high)
{
  g_autoptr(GArray) below = row_values(family, low);
  g_autoptr(GArray) above = row_values(family, high);
  GArray *both = g_array_new(FALSE, FALSE, sizeof(gint64));
  gint64 first, last;

  if (below->len == 0 || above->len == 0)
    return both;
  first = MAX(g_array_index(below, gint64, 0), g_array_index(above, gint64, 0));
  last = MIN(g_array_index(below, gint64, below->len - 1),
             g_array_index(above, gint64, above->len - 1));
  for (guint i = 0; i < above->len; i++)
    if (g_array_index(above, gint64, i) >= first && g_array_index(above, gint64, i) <= last)
      insert_once(both, g_array_index(above, gint64, i));
  if (first <= last) {
    insert_once(both, first);
    insert_once(both, last);
  }
  return both;
}

/* Draws uniformly over the octaves from low to high; where low is 0, from a little above it. */
static gint64
draw(GRand *random, gint64 low, gint64 high)
{
  double from = log((double)MAX(low, MIN(16, high))), to = log((double)MAX(high, 1));

  return CLAMP((gint64)llround(exp(from + (to - from) * g_rand_double(random))), low, high);
}

static gboolean
is_planned(const CalibrationFamily *family, gint64 inner, gint64 outer)
{
  g_autoptr(GArray) values = row_values(family, outer);

  for (guint i = 0; i < values->len; i++)
    if (g_array_index(values, gint64, i) == inner)
      return TRUE;
  return FALSE;
}

void
calibration_family_hold_out(CalibrationFamily *family, guint n, GRand *random)
{
  g_autoptr(GArray) rows = NULL;

  if (family->inner == NO_AXIS)
    return;
  rows = planned_rows(family);
  for (guint tries = 0; family->held_out->len < n && tries < 8 * n && rows->len > 0; tries++) {
    gint64 least = g_array_index(rows, gint64, 0);
    gint64 most = g_array_index(rows, gint64, rows->len - 1);
    gint64 outer = draw(random, least, most), inner;
    guint i = 0;
    g_autoptr(GArray) values = NULL;
    CalibrationPoint point;
    while (i + 1 < rows->len && g_array_index(rows, gint64, i + 1) <= outer)
      i++;
    values = calibration_family_row_between(
        family, g_array_index(rows, gint64, i),
        g_array_index(rows, gint64,
                      MIN(i + (g_array_index(rows, gint64, i) < outer), rows->len - 1)));
    if (values->len < 2)
      continue;
    inner = draw(random, g_array_index(values, gint64, 0),
                 g_array_index(values, gint64, values->len - 1)) /
            family->grain * family->grain;
    if (is_planned(family, inner, outer))
      continue;
    point = calibration_family_point(family, inner, outer);
    g_array_append_val(family->held_out, point);
  }
}
