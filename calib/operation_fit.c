#include "operation_fit.h"

#include <string.h>

#include "gemm_fit.h"
#include "sim/units.h"

struct OperationCurve {
  Curve *curve;
};

OperationCurve *
operation_curve_new(const Profile *profile, OperationKind kind, const char *variant, guint over,
                    guint at_field, guint64 at)
{
  guint n, kept = 0;
  const ProfileSample *samples = profile_samples(profile, kind, &n);
  g_autofree double *x = g_new(double, n);
  g_autofree double *y = g_new(double, n);
  OperationCurve *result;

  for (guint i = 0; i < n; i++) {
    if ((guint64)samples[i].shape[at_field] != at ||
        (*variant != '\0' && strcmp(samples[i].variant, variant) != 0) ||
        (dtype_bits(samples[i].dtype) != 16 && *samples[i].dtype != '\0'))
      continue;
    x[kept] = (double)samples[i].shape[over];
    y[kept++] = samples[i].median_ns * PS_PER_NS;
  }
  if (kept == 0)
    return NULL;
  result = g_new0(OperationCurve, 1);
  result->curve = curve_new(x, y, kept);
  return result;
}

double
operation_curve_ps(const OperationCurve *curve, double x, gboolean *inside)
{
  return curve_at(curve->curve, x, inside);
}

void
operation_curve_free(OperationCurve *curve)
{
  if (curve == NULL)
    return;
  curve_free(curve->curve);
  g_free(curve);
}

/* What a step has of each: once, and in every layer. */
static const struct {
  const char *variant;
  guint once, per_layer;
  gboolean needed;
} parts[] = {
    {ELEMENTWISE_EMBEDDING, 1, 0, FALSE}, {ELEMENTWISE_FINAL_NORM, 1, 0, FALSE},
    {ELEMENTWISE_NORM, 0, 2, TRUE},       {ELEMENTWISE_ROPE, 0, 1, TRUE},
    {ELEMENTWISE_ACTIVATION, 0, 1, TRUE}, {ELEMENTWISE_RESIDUAL, 0, 2, FALSE},
    {ELEMENTWISE_KV_WRITE, 0, 1, FALSE},
};

struct ElementwiseFit {
  OperationCurve *curves[G_N_ELEMENTS(parts)]; /* NULL: not there */
};

static guint64
width_of(const char *variant, const Model *model, guint32 tp)
{
  guint64 kv_heads = MAX(1, model->kv_heads / tp);

  if (g_str_equal(variant, ELEMENTWISE_ROPE))
    return (model->heads / tp + kv_heads) * model->head_dim;
  if (g_str_equal(variant, ELEMENTWISE_ACTIVATION))
    return model->ffn / tp;
  if (g_str_equal(variant, ELEMENTWISE_KV_WRITE))
    return 2 * kv_heads * model->head_dim;
  return model->hidden;
}

ElementwiseFit *
elementwise_fit_new(const Profile *profile, const Model *model, guint32 tp)
{
  ElementwiseFit *fit = g_new0(ElementwiseFit, 1);
  gboolean complete = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    fit->curves[i] = operation_curve_new(profile, OP_ELEMENTWISE, parts[i].variant, 0, 1,
                                         width_of(parts[i].variant, model, tp));
    complete &= fit->curves[i] != NULL || !parts[i].needed;
  }
  if (complete)
    return fit;
  elementwise_fit_free(fit);
  return NULL;
}

double
elementwise_fit_ps(const ElementwiseFit *fit, guint32 layers, double tokens, gboolean *measured)
{
  double sum = 0;

  *measured = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    gboolean inside;
    if (fit->curves[i] == NULL)
      continue;
    sum += (parts[i].once + (double)parts[i].per_layer * layers) *
           operation_curve_ps(fit->curves[i], tokens, &inside);
    *measured &= inside;
  }
  return sum;
}

void
elementwise_fit_free(ElementwiseFit *fit)
{
  if (fit == NULL)
    return;
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    operation_curve_free(fit->curves[i]);
  g_free(fit);
}

/* Curves over one coordinate for each measured value of another. */
typedef struct {
  GArray *at;     /* of double, ascending */
  GPtrArray *curves;
} Sheet;

static Sheet *
sheet_new(const Profile *profile, OperationKind kind, const char *variant, guint over, guint by)
{
  guint n;
  const ProfileSample *samples = profile_samples(profile, kind, &n);
  Sheet *sheet = g_new0(Sheet, 1);

  sheet->at = g_array_new(FALSE, FALSE, sizeof(double));
  sheet->curves = g_ptr_array_new_with_free_func((GDestroyNotify)operation_curve_free);
  for (double last = -1;;) {
    double next = G_MAXDOUBLE;
    for (guint i = 0; i < n; i++)
      if (strcmp(samples[i].variant, variant) == 0 && (double)samples[i].shape[by] > last)
        next = MIN(next, (double)samples[i].shape[by]);
    if (next == G_MAXDOUBLE)
      break;
    g_array_append_val(sheet->at, next);
    g_ptr_array_add(sheet->curves, operation_curve_new(profile, kind, variant, over, by,
                                                       (guint64)next));
    last = next;
  }
  return sheet;
}

static void
sheet_free(Sheet *sheet)
{
  if (sheet == NULL)
    return;
  g_array_unref(sheet->at);
  g_ptr_array_unref(sheet->curves);
  g_free(sheet);
}

static Sheet *
sheet_or_null(Sheet *sheet)
{
  if (sheet->at->len > 0)
    return sheet;
  sheet_free(sheet);
  return NULL;
}

static double
sheet_ps(const Sheet *sheet, double x, double at, gboolean *measured)
{
  const double *nodes = (const double *)(gpointer)sheet->at->data;
  guint n = sheet->at->len, i = curve_segment(nodes, n, at), j = MIN(i + 1, n - 1);
  gboolean first, second;
  double low = operation_curve_ps(g_ptr_array_index(sheet->curves, i), x, &first);
  double high = operation_curve_ps(g_ptr_array_index(sheet->curves, j), x, &second);

  *measured = first && second && at >= nodes[0] && at <= nodes[n - 1];
  if (i == j || at <= nodes[0])
    return low;
  return MAX(low + (high - low) * (at - nodes[i]) / (nodes[j] - nodes[i]), 0);
}

struct HostFit {
  Sheet *sheet;
};

HostFit *
host_fit_new(const Profile *profile, const char *scheduler)
{
  Sheet *sheet = sheet_or_null(sheet_new(profile, OP_HOST, scheduler, 0, 1));
  HostFit *fit;

  if (sheet == NULL)
    return NULL;
  fit = g_new0(HostFit, 1);
  fit->sheet = sheet;
  return fit;
}

double
host_fit_ps(const HostFit *fit, double sequences, double tokens, gboolean *measured)
{
  return sheet_ps(fit->sheet, sequences, tokens, measured);
}

void
host_fit_free(HostFit *fit)
{
  if (fit == NULL)
    return;
  sheet_free(fit->sheet);
  g_free(fit);
}

struct CopyFit {
  Sheet *sheet;
};

CopyFit *
copy_fit_new(const Profile *profile, const char *variant)
{
  Sheet *sheet = sheet_or_null(sheet_new(profile, OP_COPY, variant, 0, 1));
  CopyFit *fit;

  if (sheet == NULL)
    return NULL;
  fit = g_new0(CopyFit, 1);
  fit->sheet = sheet;
  return fit;
}

double
copy_fit_ps(const CopyFit *fit, double piece_bytes, double pieces)
{
  gboolean measured;

  return sheet_ps(fit->sheet, piece_bytes, pieces, &measured);
}

void
copy_fit_free(CopyFit *fit)
{
  if (fit == NULL)
    return;
  sheet_free(fit->sheet);
  g_free(fit);
}

char *
copy_fit_variant(CopyDirection direction, CopyPath path, HostMemory memory)
{
  return g_strjoin("/", direction == COPY_IN ? "h2d" : "d2h", host_memory_name(memory),
                   path == COPY_PATH_BATCHED ? "batched" : "single", NULL);
}
