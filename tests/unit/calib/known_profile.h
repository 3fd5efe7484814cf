/* A profile that is made here, of a model and a device, whose true costs are known. */
#pragma once

#include "calib/devices/device.h"
#include "calib/cost/what_if.h"
#include "calib/profile.h"
#include "sim/cost.h"
#include "sim/model.h"

typedef struct {
  Model *model;
  Device *device;
  Profile *profile;
} KnownProfile;

/* The truth. */
double known_gemm_ns(double m, double n, double k);
double known_attention_ns(double fresh, double cached, double decodes, double context);

/* For g_test_add(). with_skew: anything, NULL: without a table of uneven contexts. */
void known_profile_set_up(KnownProfile *f, gconstpointer with_skew);
void known_profile_tear_down(KnownProfile *f, gconstpointer data);
void known_profile_add(KnownProfile *f, OperationKind kind, const char *variant,
                       const gint64 *shape, double ns);
/* The caller frees it. */
CostModel *known_profile_cost(const KnownProfile *f, WhatIf what_if);

CostShape known_decode_shape(const guint32 *contexts, guint32 n);
/* The time is within that share of `ns`. */
void assert_near_ns(gint64 ps, double ns, double tolerance);
