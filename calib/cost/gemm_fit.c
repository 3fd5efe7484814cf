#include "gemm_fit.h"

#include <math.h>
#include <string.h>

#include "calib/curve.h"
#include "dtype.h"
#include "gemm_series.h"
#include "roofline.h"
#include "sim/units.h"

typedef struct {
  guint64 n, k;
  GemmSeries series[GEMM_SERIES];
} Product;

/* The tile of the result that a thread block computes; rows 0: none, time is interpolated by n
 * itself. */
typedef struct {
  guint32 rows, columns;
} Tile;

enum { OCTAVES = 32 }; /* of m */

struct GemmFit {
  guint references;
  Device device; /* numbers only */
  WeightFormat format;
  GArray *products; /* of Product, by n, then k */
  GArray *n, *k;    /* of guint64, ascending: where products are, and between which */
  guint *at;        /* [n][k]: an index into products, or NONE */
  Tile tiles[OCTAVES];
  gboolean by_alignment; /* by GEMM_ALIGNED and GEMM_OTHERS, not by GEMM_EVERY */
};

enum { NONE = G_MAXUINT };

/* Holes in published grids that are this wide are predicted as well as narrow ones. */
#define WIDEST_HOLE 4.2

static void
clear_product(gpointer data)
{
  for (guint i = 0; i < GEMM_SERIES; i++)
    curve_free(((Product *)data)->series[i].curve);
}

static int
compare_timings(gconstpointer a, gconstpointer b)
{
  const GemmTiming *p = a, *q = b;

  if (p->n != q->n)
    return p->n < q->n ? -1 : 1;
  if (p->k != q->k)
    return p->k < q->k ? -1 : 1;
  return (p->m > q->m) - (p->m < q->m);
}

static void
add_product(GemmFit *fit, const GemmTiming *timings, guint count)
{
  Product product = {.n = timings->n, .k = timings->k};

  for (guint i = 0; i < GEMM_SERIES; i++)
    product.series[i] = gemm_series_of(timings, count, i);
  g_array_append_val(fit->products, product);
}

/* Whether held-out points are clearly better predicted from the points of their alignment. */
static gboolean
held_out_show_alignment(const GemmFit *fit)
{
  double errors[GEMM_SERIES] = {0}, points[GEMM_SERIES] = {0};

  for (guint p = 0; p < fit->products->len; p++)
    for (guint i = 0; i < GEMM_SERIES; i++) {
      const GemmSeries *series = &g_array_index(fit->products, Product, p).series[i];
      if (series->curve == NULL || series->curve->n < 3)
        continue;
      errors[i] += gemm_series_left_out_error(series);
      points[i] += series->curve->n - 2;
    }
  return points[GEMM_ALIGNED] > 0 && points[GEMM_OTHERS] > 0 &&
         (errors[GEMM_ALIGNED] + errors[GEMM_OTHERS]) /
                 (points[GEMM_ALIGNED] + points[GEMM_OTHERS]) <
             0.9 * errors[GEMM_EVERY] / points[GEMM_EVERY];
}

void
gemm_fit_free(GemmFit *fit)
{
  if (fit == NULL || --fit->references > 0)
    return;
  g_array_unref(fit->products);
  g_array_unref(fit->n);
  g_array_unref(fit->k);
  g_free(fit->at);
  g_free(fit);
}

static double
roofline_ps(const GemmFit *fit, const WhatIf *what_if, guint64 m, guint64 n, guint64 k)
{
  return (double)roofline_gemm_ps(&fit->device, what_if, m, n, k, &fit->format);
}

static const GemmSeries *
series_at(const GemmFit *fit, const Product *product, guint64 m)
{
  const GemmSeries *series = &product->series[!fit->by_alignment   ? GEMM_EVERY
                                              : gemm_is_aligned(m) ? GEMM_ALIGNED
                                                                   : GEMM_OTHERS];

  return series->curve != NULL ? series : &product->series[GEMM_EVERY];
}

/* A measured pair's time at m; beyond its range the roofline's growth from the last point. */
static double
product_ps(const GemmFit *fit, const Product *product, guint64 m, gboolean *inside)
{
  const WhatIf none = WHAT_IF_NONE;
  const GemmSeries *series = series_at(fit, product, m);
  const Curve *curve = series->curve;
  double last = curve->x[curve->n - 1];

  if ((double)m > last) {
    *inside = FALSE;
    return curve->y[curve->n - 1] * roofline_ps(fit, &none, m, product->n, product->k) /
           roofline_ps(fit, &none, (guint64)last, product->n, product->k);
  }
  return curve_at_tiles(curve, (double)m, series->tile, inside);
}

/* The measured pairs' ratio to their roofline, weighted by nearness of n and k. */
static double
neighbours_ratio(const GemmFit *fit, guint64 m, guint64 n, guint64 k)
{
  const WhatIf none = WHAT_IF_NONE;
  double sum = 0, weights = 0;

  for (guint i = 0; i < fit->products->len; i++) {
    const Product *product = &g_array_index(fit->products, Product, i);
    double far_n = log2((double)product->n / (double)n),
           far_k = log2((double)product->k / (double)k);
    double weight = 1 / pow(0.01 + far_n * far_n + far_k * far_k, 2);
    gboolean inside;
    double ratio =
        product_ps(fit, product, m, &inside) / roofline_ps(fit, &none, m, product->n, product->k);
    sum += weight * ratio;
    weights += weight;
  }
  return sum / weights;
}

static const Product *
product_at(const GemmFit *fit, guint i, guint j)
{
  guint at = fit->at[i * fit->k->len + j];

  return at != NONE ? &g_array_index(fit->products, Product, at) : NULL;
}

/* The indices around x, equal where x is a value. FALSE: outside, or between two too far apart. */
static gboolean
find_bounds(const GArray *values, guint64 x, guint *low, guint *high)
{
  const guint64 *v = (const guint64 *)(gconstpointer)values->data;
  guint i = 0;

  while (i < values->len && v[i] < x)
    i++;
  *low = *high = i;
  if (i == values->len)
    return FALSE;
  if (v[i] == x)
    return TRUE;
  *low = i > 0 ? i - 1 : 0;
  return i > 0 && (double)v[i] <= WIDEST_HOLE * (double)v[*low];
}

static guint64
value_at(const GArray *values, guint i)
{
  return g_array_index(values, guint64, i);
}

static guint
octave_of(guint64 m)
{
  return MIN(g_bit_nth_msf(m, -1), OCTAVES - 1);
}

/* The coordinate that time is interpolated by for the outputs of m rows: how often the device's
 * multiprocessors are filled with tiles. */
static double
along_outputs(const GemmFit *fit, const Tile *tile, guint64 m, guint64 n)
{
  double blocks;

  if (tile->rows == 0)
    return (double)n;
  blocks = ceil((double)m / tile->rows) * ceil((double)n / tile->columns);
  return ceil(blocks / fit->device.multiprocessors);
}

static double
share_of_way(const GemmFit *fit, const Tile *tile, guint64 m, guint64 low, guint64 x, guint64 high)
{
  double from = along_outputs(fit, tile, m, low), to = along_outputs(fit, tile, m, high);

  if (low == high)
    return 0;
  if (from == to)
    return ((double)x - (double)low) / ((double)high - (double)low);
  return (along_outputs(fit, tile, m, x) - from) / (to - from);
}

/* The time at a measured n, at a measured k or between two. NAN where a pair is missing. */
static double
time_at_outputs(const GemmFit *fit, guint64 m, guint i, const guint *j, double along_k,
                gboolean *inside)
{
  double times[2] = {0, 0};

  for (guint b = 0; b < (j[0] == j[1] ? 1 : 2); b++) {
    const Product *product = product_at(fit, i, j[b]);
    gboolean here;
    if (product == NULL)
      return NAN;
    times[b] = product_ps(fit, product, m, &here);
    *inside &= here;
  }
  return j[0] == j[1] ? times[0] : (1 - along_k) * times[0] + along_k * times[1];
}

/* The time between four measured pairs (or two, or one), by the tiles of n and by k; NAN: not. */
static double
time_between(const GemmFit *fit, guint64 m, guint64 n, guint64 k, gboolean *inside)
{
  static const Tile none = {0, 0};
  guint i[2], j[2];
  double along_n, along_k, low, high;

  if (!find_bounds(fit->n, n, &i[0], &i[1]) || !find_bounds(fit->k, k, &j[0], &j[1]))
    return NAN;
  *inside = TRUE;
  along_k = share_of_way(fit, &none, m, value_at(fit->k, j[0]), k, value_at(fit->k, j[1]));
  low = time_at_outputs(fit, m, i[0], j, along_k, inside);
  if (i[0] == i[1])
    return low;
  high = time_at_outputs(fit, m, i[1], j, along_k, inside);
  along_n = share_of_way(fit, &fit->tiles[octave_of(m)], m, value_at(fit->n, i[0]), n,
                         value_at(fit->n, i[1]));
  return (1 - along_n) * low + along_n * high;
}

static const Tile tiles[] = {{0, 0}, {64, 128}, {64, 256}, {128, 128}, {128, 256}, {256, 64}};

typedef double TileErrors[G_N_ELEMENTS(tiles)];

/* Adds, for each tile, the error at one held-out pair of an interpolation between its neighbours in
 * n. */
static void
add_errors(const GemmFit *fit, const Product *const *products, guint64 m, TileErrors errors)
{
  double times[3];

  for (guint i = 0; i < G_N_ELEMENTS(times); i++) {
    gboolean inside;
    times[i] = product_ps(fit, products[i], m, &inside);
  }
  for (guint t = 0; t < G_N_ELEMENTS(tiles); t++) {
    double share = share_of_way(fit, &tiles[t], m, products[0]->n, products[1]->n, products[2]->n);
    errors[t] += MIN(1, fabs(((1 - share) * times[0] + share * times[2]) / times[1] - 1));
  }
}

/* Sums those errors over all pairs with neighbours in n, by octaves of m. */
static void
sum_errors(const GemmFit *fit, TileErrors *errors)
{
  for (guint i = 1; i + 1 < fit->n->len; i++)
    for (guint j = 0; j < fit->k->len; j++) {
      const Product *products[3] = {product_at(fit, i - 1, j), product_at(fit, i, j),
                                    product_at(fit, i + 1, j)};
      const Curve *curve;
      if (products[0] == NULL || products[1] == NULL || products[2] == NULL ||
          (double)products[2]->n > WIDEST_HOLE * (double)products[0]->n)
        continue;
      curve = products[1]->series[GEMM_EVERY].curve;
      for (guint x = 0; x < curve->n; x++)
        add_errors(fit, products, (guint64)curve->x[x], errors[octave_of((guint64)curve->x[x])]);
    }
}

/* Chooses, for each octave of m, the tile with the least error at held-out pairs, if it is clearly
 * better than n itself. */
static void
find_tiles(GemmFit *fit)
{
  TileErrors errors[OCTAVES] = {{0}};

  sum_errors(fit, errors);
  for (guint o = 0; o < OCTAVES; o++) {
    guint best = 0;
    for (guint t = 1; t < G_N_ELEMENTS(tiles); t++)
      if (errors[o][t] < 0.95 * errors[o][best])
        best = t;
    fit->tiles[o] = tiles[best];
  }
}

static int
compare_values(gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *)a, y = *(const guint64 *)b;

  return (x > y) - (x < y);
}

/* The values of a field, each once. */
static GArray *
distinct(const GArray *products, gsize field)
{
  GArray *values = g_array_new(FALSE, FALSE, sizeof(guint64));
  guint kept = 0;

  for (guint i = 0; i < products->len; i++)
    g_array_append_val(values,
                       G_STRUCT_MEMBER(guint64, &g_array_index(products, Product, i), field));
  g_array_sort(values, compare_values);
  for (guint i = 0; i < values->len; i++)
    if (i == 0 || value_at(values, i) != value_at(values, kept - 1))
      g_array_index(values, guint64, kept++) = value_at(values, i);
  g_array_set_size(values, kept);
  return values;
}

static void
make_grid(GemmFit *fit)
{
  fit->n = distinct(fit->products, G_STRUCT_OFFSET(Product, n));
  fit->k = distinct(fit->products, G_STRUCT_OFFSET(Product, k));
  fit->at = g_new(guint, (gsize)fit->n->len * fit->k->len);
  memset(fit->at, 0xff, sizeof *fit->at * fit->n->len * fit->k->len);
  for (guint p = 0; p < fit->products->len; p++) {
    const Product *product = &g_array_index(fit->products, Product, p);
    guint i, j, same;
    find_bounds(fit->n, product->n, &i, &same);
    find_bounds(fit->k, product->k, &j, &same);
    fit->at[i * fit->k->len + j] = p;
  }
  find_tiles(fit);
}

GemmFit *
gemm_fit_new(const Profile *profile, const Device *device, const char *dtype, SampleFilter skip,
             gpointer user_data)
{
  g_autoptr(GArray) timings = g_array_new(FALSE, FALSE, sizeof(GemmTiming));
  g_autoptr(GArray) ratios = NULL;
  GemmFit *fit;
  guint n;
  const ProfileSample *samples = profile_samples(profile, OP_GEMM, &n);

  for (guint i = 0; i < n; i++) {
    const GemmTiming timing = {
        .n = (guint64)samples[i].shape[1],
        .k = (guint64)samples[i].shape[2],
        .m = (double)samples[i].shape[0],
        .ps = samples[i].median_ns * PS_PER_NS,
    };
    if (g_str_equal(samples[i].dtype, dtype) && (skip == NULL || !skip(&samples[i], user_data)))
      g_array_append_val(timings, timing);
  }
  if (timings->len == 0)
    return NULL;
  g_array_sort(timings, compare_timings);
  fit = g_new0(GemmFit, 1);
  fit->references = 1;
  fit->device = *device;
  fit->format = dtype_format(dtype);
  fit->products = g_array_new(FALSE, FALSE, sizeof(Product));
  g_array_set_clear_func(fit->products, clear_product);
  ratios = g_array_new(FALSE, FALSE, sizeof(double));
  for (guint first = 0, i = 1; i <= timings->len; i++) {
    const GemmTiming *start = &g_array_index(timings, GemmTiming, first);
    const GemmTiming *here = &g_array_index(timings, GemmTiming, MIN(i, timings->len - 1));
    if (i == timings->len || here->n != start->n || here->k != start->k) {
      add_product(fit, start, i - first);
      gemm_series_add_row_ratios(start, i - first, ratios);
      first = i;
    }
  }
  fit->by_alignment = gemm_series_rows_show_alignment(ratios) && held_out_show_alignment(fit);
  make_grid(fit);
  return fit;
}

static void
free_fit(gpointer fit)
{
  gemm_fit_free(fit);
}

/* The key of a fit in the profile: all that it depends on beside the samples, the dtype and the
 * device's numbers. */
static char *
name_of(const Device *device, const char *dtype)
{
  const gsize first = G_STRUCT_OFFSET(Device, nominal_memory_bytes),
              end = G_STRUCT_OFFSET(Device, file);
  g_autofree char *numbers = g_compute_checksum_for_data(
      G_CHECKSUM_SHA256, (const guchar *)(gconstpointer)device + first, end - first);

  return g_strconcat("products, ", dtype, ", ", numbers, NULL);
}

GemmFit *
gemm_fit_of(const Profile *profile, const Device *device, const char *dtype)
{
  g_autofree char *name = name_of(device, dtype);
  GemmFit *fit = profile_kept(profile, name);

  if (fit == NULL) {
    if ((fit = gemm_fit_new(profile, device, dtype, NULL, NULL)) == NULL)
      return NULL;
    profile_keep(profile, name, fit, free_fit);
  }
  fit->references++;
  return fit;
}

double
gemm_fit_ps(const GemmFit *fit, const WhatIf *what_if, guint64 m, guint64 n, guint64 k,
            gboolean *measured)
{
  const WhatIf none = WHAT_IF_NONE;
  double ps = time_between(fit, m, n, k, measured), plain;

  if (isnan(ps)) {
    *measured = FALSE;
    ps = roofline_ps(fit, &none, m, n, k) * neighbours_ratio(fit, m, n, k);
  }
  if (what_if_is_none(what_if))
    return ps;
  plain = roofline_ps(fit, &none, m, n, k);
  return plain > 0 ? ps * roofline_ps(fit, what_if, m, n, k) / plain : ps;
}
