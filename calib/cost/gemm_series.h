/* One matrix product's times over its rows m.
 *
 * Where rows are not a multiple of four, kernels that read their inputs in aligned pieces have them
 * copied first (scales of FP8 blocks: 16 bytes are four of them): those m are a series of their
 * own.
 */
#pragma once

#include "calib/curve.h"

enum { GEMM_ALIGNED_ROWS = 4 };

/* All points, those of aligned m, the others. */
enum { GEMM_EVERY, GEMM_ALIGNED, GEMM_OTHERS, GEMM_SERIES };

typedef struct {
  Curve *curve; /* NULL: no points */
  double tile;  /* of the kernel, in rows: the one that predicts best points that are held out */
} GemmSeries;

typedef struct {
  guint64 n, k;
  double m, ps;
} GemmTiming;

gboolean gemm_is_aligned(guint64 m);
/* `which` of the timings of one (n, k). The curve is the caller's. */
GemmSeries gemm_series_of(const GemmTiming *timings, guint count, guint which);
/* Adds to `ratios` (of double) the time at m + 1 over that at an aligned m. It leaves out an m
 * where a kernel's tile ends, since there the next tile could be the cause. The timings are of one
 * (n, k), by m. */
void gemm_series_add_row_ratios(const GemmTiming *timings, guint count, GArray *ratios);
/* Whether an unaligned row costs extra: TRUE without ratios, too. Sorts the ratios. A table may
 * have unaligned rows only where a tile ends; what they time is a nearly empty tile. */
gboolean gemm_series_rows_show_alignment(GArray *ratios);
/* The sum of relative errors at inner points, each held out in turn. */
double gemm_series_left_out_error(const GemmSeries *series);
