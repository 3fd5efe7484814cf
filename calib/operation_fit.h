/* The smaller operations of a profile: curves over one or two coordinates, in picoseconds. */
#pragma once

#include "curve.h"
#include "profile.h"
#include "roofline.h"

/* Samples of one operation over shape field `over`, where field `at_field` equals `at`. */
typedef struct OperationCurve OperationCurve;
/* variant: "" takes all. Only of 16-bit dtypes, which activations have. NULL if there are none. */
OperationCurve *operation_curve_new(const Profile *profile, OperationKind kind, const char *variant,
                                    guint over, guint at_field, guint64 at);
double operation_curve_ps(const OperationCurve *curve, double x, gboolean *inside);
void operation_curve_free(OperationCurve *curve);

/* A step's elementwise work for one model on one of `tp` devices. NULL unless norm, rotary embedding
 * and activation are there at the model's widths. */
typedef struct ElementwiseFit ElementwiseFit;
ElementwiseFit *elementwise_fit_new(const Profile *profile, const Model *model, guint32 tp);
double elementwise_fit_ps(const ElementwiseFit *fit, guint32 layers, double tokens,
                          gboolean *measured);
void elementwise_fit_free(ElementwiseFit *fit);

/* Host time a step, by sequences and tokens. NULL if the profile has none for the scheduler. */
typedef struct HostFit HostFit;
HostFit *host_fit_new(const Profile *profile, const char *scheduler);
double host_fit_ps(const HostFit *fit, double sequences, double tokens, gboolean *measured);
void host_fit_free(HostFit *fit);

/* Copies: by bytes a piece and pieces. NULL if the profile has none of that variant. */
typedef struct CopyFit CopyFit;
CopyFit *copy_fit_new(const Profile *profile, const char *variant);
double copy_fit_ps(const CopyFit *fit, double piece_bytes, double pieces);
void copy_fit_free(CopyFit *fit);
/* "h2d/pinned/single": how OP_COPY names it. The caller frees. */
char *copy_fit_variant(CopyDirection direction, CopyPath path, HostMemory memory);
