/* The smaller operations of a profile: curves over one or two coordinates, in picoseconds. */
#pragma once

#include "calib/curve.h"
#include "calib/profile.h"
#include "roofline.h"

/* A curve through the samples of one operation and variant over shape field `over`, where field
 * `at_field` equals `at`, of the dtype that serves the one asked for (dtype_serving()). NULL if
 * there are none. */
typedef struct OperationCurve OperationCurve;
OperationCurve *operation_curve_new(const Profile *profile, OperationKind kind, const char *variant,
                                    const char *dtype, guint over, guint at_field, guint64 at);
double operation_curve_ps(const OperationCurve *curve, double x, gboolean *inside);
void operation_curve_free(OperationCurve *curve);

/* The width that a variant of OP_ELEMENTWISE has for one model on one of `tp` devices. */
guint64 elementwise_width(const char *variant, const Model *model, guint32 tp);

/* A step's elementwise work for one model on one of `tp` devices. NULL unless norm, rotary
 * embedding and activation are there at the model's widths. Norms of queries and keys, residual and
 * KV write count where the profile has them. without_activation: it is in the experts' time. */
typedef struct ElementwiseFit ElementwiseFit;
ElementwiseFit *elementwise_fit_new(const Profile *profile, const Model *model, guint32 tp,
                                    gboolean without_activation);
double elementwise_fit_ps(const ElementwiseFit *fit, guint32 layers, double tokens,
                          gboolean *measured);
void elementwise_fit_free(ElementwiseFit *fit);

/* Samples of one operation and variant over two shape fields, 0 and 1: host time by sequences and
 * tokens, copies by bytes a piece and pieces, which have no dtype (""). `rest` has the shape's
 * fields behind those two, OPERATION_SHAPE_MAX - 2 of them; NULL: they do not count. NULL if there
 * are none. */
typedef struct OperationSheet OperationSheet;
OperationSheet *operation_sheet_new(const Profile *profile, OperationKind kind, const char *variant,
                                    const char *dtype, const gint64 *rest);
/* Whether any of its samples is derived. */
gboolean operation_sheet_is_derived(const OperationSheet *sheet);
/* Linear in both; x is field 0, y field 1. Derived samples are never inside. */
double operation_sheet_ps(const OperationSheet *sheet, double x, double y, gboolean *inside);
void operation_sheet_free(OperationSheet *sheet);
/* "h2d/pinned/single": how OP_COPY names it. The caller frees. */
char *copy_variant(CopyDirection direction, CopyPath path, HostMemory memory);
