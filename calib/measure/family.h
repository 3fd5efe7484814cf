/* Families of shapes: what calibration measures of one operation while all but one or two fields of
 * the shape stay, and where in between it should measure next.
 *
 *   inner   the field that a row runs along: m, tokens, piece_bytes, cached_tokens, context
 *   outer   the field that tells rows apart: pieces, new_tokens, decodes; NO_AXIS: one row
 *
 * A gap lies between two neighbours of a row, or between two rows. Each gap has an estimate of the
 * fit's error inside it. At first the samples at the gap's ends are left out in turn and predicted;
 * later a sample in its middle, unknown to the fit, is measured. The next gap to be looked into has
 * the largest product of that estimate and the octaves that it spans. If it lies between rows and
 * the fit proves wrong there, the whole row in its middle is measured. A family without axes is
 * measured as planned.
 *
 * The fits are the cost model's, made of the family's own samples.
 */
#pragma once

#include "calib/devices/device.h"
#include "calib/profile.h"
#include "sim/model.h"

enum { NO_AXIS = OPERATION_SHAPE_MAX };

typedef enum { PASS_COARSE, PASS_FULL } CalibrationPass;

/* One thing to measure. */
typedef struct {
  const char *variant;
  gint64 shape[OPERATION_SHAPE_MAX];
} CalibrationPoint;

/* Points that make sense together. */
typedef struct {
  CalibrationPass pass;
  gboolean is_whole; /* they enter the profile together or not at all */
  GArray *points;    /* of CalibrationPoint */
} CalibrationGroup;

typedef struct {
  OperationKind operation;
  char *variant;
  const char *dtype;
  const char *kernels; /* the kind that its samples are of, "" for none (calib/profile_kernels.h) */
  const Model *model;  /* of OP_STEP */
  gint64 shape[OPERATION_SHAPE_MAX];
  guint inner, outer;
  gint64 grain; /* values of inner are multiples of it, 1 as a rule */

  GPtrArray *groups;       /* of CalibrationGroup */
  GArray *held_out;        /* of CalibrationPoint: measured, never told to the fits */
  Profile *own;            /* what the fits are made of; sealed */
  GArray *gaps;            /* of CalibrationGap */
  gboolean is_unsupported; /* the card said that it cannot */
} CalibrationFamily;

typedef struct {
  gboolean is_between_rows;
  gint64 row;       /* value of the outer field, of a gap within a row */
  gint64 low, high; /* of the field that it spans */
  gint64 grain;     /* what lies between is a multiple of it */
  double error;     /* estimate, relative */
  gboolean is_closed;
} CalibrationGap;

/* shape: the fields that stay; those of the axes are 0. */
CalibrationFamily *calibration_family_new(OperationKind operation, const char *variant,
                                          const char *dtype, const gint64 *shape, guint inner,
                                          guint outer);
void calibration_family_free(CalibrationFamily *family);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CalibrationFamily, calibration_family_free)

/* A group to add points to; the family's. */
CalibrationGroup *calibration_family_add_group(CalibrationFamily *family, CalibrationPass pass,
                                               gboolean is_whole);
void calibration_group_add(CalibrationGroup *group, const char *variant, const gint64 *shape);
CalibrationPoint calibration_family_point(const CalibrationFamily *family, gint64 inner,
                                          gint64 outer);
/* As a sample's key. */
ProfileSample calibration_family_key(const CalibrationFamily *family,
                                     const CalibrationPoint *point);

void calibration_family_add_sample(CalibrationFamily *family, const ProfileSample *sample);

/* The fit's prediction for a shape; 0 where it has none, or would reach beyond its samples. */
double calibration_family_predict_ns(const CalibrationFamily *family, const Device *device,
                                     const gint64 *shape);

/* Draws points between those planned, evenly over the octaves. */
void calibration_family_hold_out(CalibrationFamily *family, guint n, GRand *random);

/* The values that a row between two planned or measured ones should have. The caller frees. */
GArray *calibration_family_row_between(const CalibrationFamily *family, gint64 low, gint64 high);

/* Finds the gaps and their first estimates. */
void calibration_family_find_gaps(CalibrationFamily *family, const Device *device);
/* The mean estimate over the family, by octaves. */
double calibration_family_error(const CalibrationFamily *family);
/* The gap to look into next, and its weight; NULL: none can be split. */
CalibrationGap *calibration_family_next_gap(const CalibrationFamily *family, double *weight);
/* The middle of a gap; between rows at a random place of the row. */
CalibrationPoint calibration_family_probe(const CalibrationFamily *family,
                                          const CalibrationGap *gap, GRand *random);
/* After the middle was measured: `error` there; `is_split`: it is in the profile now. */
void calibration_family_settle(CalibrationFamily *family, CalibrationGap *gap, double error,
                               gboolean is_split);
