#include "operation_fit.h"

#include <string.h>

#include "dtype.h"
#include "sim/units.h"

struct OperationCurve {
  Curve *curve;
};

/* Whether the fields behind 0 and 1, the coordinates, equal `rest` (NULL: any). */
static gboolean
is_of_rest(const ProfileSample *sample, const gint64 *rest)
{
  return rest == NULL ||
         memcmp(sample->shape + 2, rest, (OPERATION_SHAPE_MAX - 2) * sizeof *rest) == 0;
}

/* Of one dtype, exactly. */
static OperationCurve *
curve_of_dtype(const Profile *profile, OperationKind kind, const char *variant, const char *dtype,
               const gint64 *rest, guint over, guint at_field, guint64 at)
{
  guint n, kept = 0;
  const ProfileSample *samples = profile_samples(profile, kind, &n);
  g_autofree double *x = g_new(double, n);
  g_autofree double *y = g_new(double, n);
  OperationCurve *result;

  for (guint i = 0; i < n; i++) {
    if ((guint64)samples[i].shape[at_field] != at || !g_str_equal(samples[i].dtype, dtype) ||
        !g_str_equal(samples[i].variant, variant) || !is_of_rest(&samples[i], rest))
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

OperationCurve *
operation_curve_new(const Profile *profile, OperationKind kind, const char *variant,
                    const char *dtype, guint over, guint at_field, guint64 at)
{
  const char *serving = dtype_serving(profile, kind, variant, dtype);

  return serving != NULL ? curve_of_dtype(profile, kind, variant, serving, NULL, over, at_field, at)
                         : NULL;
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

/* What a step has of each: once, and in every layer. Without those that are needed there is no fit.
 */
static const struct {
  const char *variant;
  guint once, per_layer;
  gboolean needed;
} parts[] = {
    {ELEMENTWISE_EMBEDDING, 1, 0, FALSE}, {ELEMENTWISE_FINAL_NORM, 1, 0, FALSE},
    {ELEMENTWISE_NORM, 0, 2, TRUE},       {ELEMENTWISE_ROPE, 0, 1, TRUE},
    {ELEMENTWISE_ACTIVATION, 0, 1, TRUE}, {ELEMENTWISE_RESIDUAL, 0, 2, FALSE},
    {ELEMENTWISE_KV_WRITE, 0, 1, FALSE},  {ELEMENTWISE_QK_NORM, 0, 1, FALSE},
};

struct ElementwiseFit {
  OperationCurve *curves[G_N_ELEMENTS(parts)]; /* NULL: not there */
};

guint64
elementwise_width(const char *variant, const Model *model, guint32 tp)
{
  guint64 kv_heads = MAX(1, model->kv_heads / tp);

  if (g_str_equal(variant, ELEMENTWISE_ROPE) || g_str_equal(variant, ELEMENTWISE_QK_NORM))
    return (model->heads / tp + kv_heads) * model->head_dim;
  if (g_str_equal(variant, ELEMENTWISE_ACTIVATION))
    return model->ffn / tp;
  if (g_str_equal(variant, ELEMENTWISE_KV_WRITE))
    return 2 * kv_heads * model->head_dim;
  return model->hidden;
}

/* Whether a step of the model has the part, and no other table's time does. */
static gboolean
is_asked_for(const char *variant, const Model *model, gboolean without_activation)
{
  if (g_str_equal(variant, ELEMENTWISE_QK_NORM))
    return model->qk_norm;
  return !without_activation || !g_str_equal(variant, ELEMENTWISE_ACTIVATION);
}

ElementwiseFit *
elementwise_fit_new(const Profile *profile, const Model *model, guint32 tp,
                    gboolean without_activation)
{
  ElementwiseFit *fit = g_new0(ElementwiseFit, 1);
  gboolean complete = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS(parts); i++) {
    if (!is_asked_for(parts[i].variant, model, without_activation))
      continue;
    fit->curves[i] =
        operation_curve_new(profile, OP_ELEMENTWISE, parts[i].variant, dtype_of_activations(model),
                            0, 1, elementwise_width(parts[i].variant, model, tp));
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

/* Curves over field 0 for each measured value of field 1. */
struct OperationSheet {
  GArray *y; /* of double, ascending */
  gboolean derived;
  GPtrArray *curves;
};

OperationSheet *
operation_sheet_new(const Profile *profile, OperationKind kind, const char *variant,
                    const char *dtype, const gint64 *rest)
{
  guint n;
  const ProfileSample *samples = profile_samples(profile, kind, &n);
  OperationSheet *sheet = NULL;
  gboolean derived = FALSE;

  for (double last = -1;;) {
    double next = G_MAXDOUBLE;
    for (guint i = 0; i < n; i++)
      if (strcmp(samples[i].variant, variant) == 0 && g_str_equal(samples[i].dtype, dtype) &&
          is_of_rest(&samples[i], rest) && (double)samples[i].shape[1] > last) {
        derived |= samples[i].derived;
        next = MIN(next, (double)samples[i].shape[1]);
      }
    if (next == G_MAXDOUBLE)
      return sheet;
    if (sheet == NULL) {
      sheet = g_new0(OperationSheet, 1);
      sheet->y = g_array_new(FALSE, FALSE, sizeof(double));
      sheet->curves = g_ptr_array_new_with_free_func((GDestroyNotify)operation_curve_free);
    }
    sheet->derived = derived;
    g_array_append_val(sheet->y, next);
    g_ptr_array_add(sheet->curves,
                    curve_of_dtype(profile, kind, variant, dtype, rest, 0, 1, (guint64)next));
    last = next;
  }
}

void
operation_sheet_free(OperationSheet *sheet)
{
  if (sheet == NULL)
    return;
  g_array_unref(sheet->y);
  g_ptr_array_unref(sheet->curves);
  g_free(sheet);
}

gboolean
operation_sheet_is_derived(const OperationSheet *sheet)
{
  return sheet->derived;
}

double
operation_sheet_ps(const OperationSheet *sheet, double x, double y, gboolean *inside)
{
  const double *nodes = (const double *)(gpointer)sheet->y->data;
  guint n = sheet->y->len, i = curve_segment(nodes, n, y), j = MIN(i + 1, n - 1);
  gboolean first, second;
  double low = operation_curve_ps(g_ptr_array_index(sheet->curves, i), x, &first);
  double high = operation_curve_ps(g_ptr_array_index(sheet->curves, j), x, &second);

  if (y <= nodes[i] || y == nodes[j]) { /* on a curve, or outside of them */
    *inside = !sheet->derived && (y == nodes[j] ? second : first && y == nodes[i]);
    return y == nodes[j] ? high : low;
  }
  *inside = !sheet->derived && first && second && y <= nodes[n - 1];
  if (i == j)
    return low;
  return MAX(low + (high - low) * (y - nodes[i]) / (nodes[j] - nodes[i]), 0);
}

char *
copy_variant(CopyDirection direction, CopyPath path, HostMemory memory)
{
  return g_strjoin("/", direction == COPY_IN ? "h2d" : "d2h", host_memory_name(memory),
                   path == COPY_PATH_BATCHED ? "batched" : "single", NULL);
}
