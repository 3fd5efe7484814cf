/* The plan: the shapes of each operation that are measured. Products and the smaller operations are
 * here, attention is in plan_attention.c, copies, ceilings and whole steps are in plan_copies.c.
 *
 * The points of a product are dense where its time jumps: every m up to 17, then one point on each
 * side of the boundaries where kernels change their tile or begin another wave.
 */
#include "plan.h"

#include <string.h>

#include "plan_parts.h"
#include "calib/cost/operation_fit.h"

enum { MOST_ROWS = 16384, MOST_SEQUENCES = 1024 };

/* The share of the card's memory for weights. */
#define WEIGHT_SHARE 0.85

gboolean
calibration_plan_fits(const Model *model, const BenchIdentity *identity)
{
  return (double)model_weight_bytes(model) <= WEIGHT_SHARE * (double)identity->memory_bytes;
}

/* Pairs b, b + 1 at the multiples of `step` from `first` to `last`. */
static void
add_pairs(GArray *values, gint64 first, gint64 last, gint64 step)
{
  for (gint64 b = first; b <= last; b += step) {
    const gint64 pair[] = {b, b + 1};
    g_array_append_vals(values, pair, 2);
  }
}

static GArray *
full_rows(void)
{
  static const gint64 boundaries[] = {32, 48, 64, 96, 128, 192, 256};
  GArray *values = g_array_new(FALSE, FALSE, sizeof(gint64));

  for (gint64 m = 1; m <= 17; m++)
    g_array_append_val(values, m);
  for (guint i = 0; i < G_N_ELEMENTS(boundaries); i++)
    add_pairs(values, boundaries[i], boundaries[i], 1);
  add_pairs(values, 384, 1024, 128);
  add_pairs(values, 1280, 4096, 256);
  for (gint64 m = 8192; m <= MOST_ROWS; m *= 2)
    g_array_append_val(values, m);
  return values;
}

static void
add_product(Plan *plan, const char *dtype, gint64 n, gint64 k, gint64 most)
{
  static const gint64 coarse[] = {1,   2,   4,   8,   16,  17,   32,   33,   64,   65,  128,
                                  129, 256, 257, 512, 768, 1024, 1536, 2048, 4096, 8192};
  const gint64 shape[] = {0, n, k};
  gboolean is_new;
  g_autoptr(GArray) full = full_rows();
  CalibrationFamily *family =
      plan_family(plan, calibration_family_new(OP_GEMM, "", dtype, shape, 0, NO_AXIS), &is_new);

  if (!is_new)
    return;
  plan_row(family, PASS_COARSE, 0, coarse, G_N_ELEMENTS(coarse), most);
  if (!plan->request->is_quick)
    plan_row(family, PASS_FULL, 0, (const gint64 *)(gpointer)full->data, full->len, most);
}

static void
add_products(Plan *plan, const Model *model)
{
  gint64 q = (gint64)model->heads * model->head_dim, kv = (gint64)model->kv_heads * model->head_dim;
  gint64 ffn = model->ffn, hidden = model->hidden;
  gint64 most = plan->request->is_quick ? MOST_ROWS / 2 : MOST_ROWS;
  const char *dtype = plan_weight_dtype(model);

  if (model->experts > 0)
    g_ptr_array_add(plan->notes,
                    g_strdup_printf("%s: products of experts are not measured, the roofline stands "
                                    "for its linear work",
                                    model->name));
  if (dtype == NULL)
    g_ptr_array_add(plan->notes, g_strdup_printf("%s: products of %s weights are not measured",
                                                 model->name, model->dtype));
  if (!model_is_uniform(model))
    g_ptr_array_add(plan->notes, g_strdup_printf("%s: its layers differ; their products are not "
                                                 "measured, the roofline stands for them",
                                                 model->name));
  if (model->experts > 0 || dtype == NULL || !model_is_uniform(model))
    return;
  add_product(plan, dtype, q + 2 * kv, hidden, most);
  add_product(plan, dtype, hidden, q, most);
  add_product(plan, dtype, (model->gated_ffn ? 2 : 1) * ffn, hidden, most);
  add_product(plan, dtype, hidden, ffn, most);
  add_product(plan, "bfloat16", model_rank_vocab(model, 1), hidden,
              MOST_SEQUENCES); /* quantized or not */
}

static void
add_curve(Plan *plan, OperationKind operation, const char *variant, CalibrationPass pass,
          gint64 width, const gint64 *values, guint n)
{
  const gint64 shape[] = {0, width};
  gboolean is_new;
  CalibrationFamily *family = plan_family(
      plan, calibration_family_new(operation, variant, "bfloat16", shape, 0, NO_AXIS), &is_new);

  if (is_new)
    plan_row(family, pass, 0, values, n, G_MAXINT64);
}

static void
add_small(Plan *plan, const Model *model)
{
  static const gint64 tokens[] = {1, 16, 128, 512, 2048, 8192, 16384};
  static const gint64 sequences[] = {1, 8, 32, 128, 256, 512, MOST_SEQUENCES};
  static const char *const variants[] = {ELEMENTWISE_EMBEDDING,  ELEMENTWISE_NORM,
                                         ELEMENTWISE_FINAL_NORM, ELEMENTWISE_ROPE,
                                         ELEMENTWISE_ACTIVATION, ELEMENTWISE_KV_WRITE};

  for (guint i = 0; i < G_N_ELEMENTS(variants); i++)
    add_curve(plan, OP_ELEMENTWISE, variants[i], PASS_COARSE,
              (gint64)elementwise_width(variants[i], model, 1), tokens, G_N_ELEMENTS(tokens));
  add_curve(plan, OP_SAMPLING, "", PASS_COARSE, model->vocab, sequences, G_N_ELEMENTS(sequences));
  if (!plan->request->is_quick)
    add_curve(plan, OP_SAMPLING, SAMPLING_GREEDY, PASS_FULL, model->vocab, sequences,
              G_N_ELEMENTS(sequences));
}

GPtrArray *
calibration_plan_new(const CalibrationPlanRequest *request, GPtrArray *notes)
{
  Plan plan = {.request = request,
               .families = g_ptr_array_new_with_free_func((GDestroyNotify)calibration_family_free),
               .notes = notes};

  plan_ceilings(&plan);
  for (guint i = 0; i < request->n_models; i++) {
    add_products(&plan, request->models[i]);
    plan_attention(&plan, request->models[i]);
    add_small(&plan, request->models[i]);
  }
  plan_copies(&plan);
  for (guint i = 0; i < request->n_models; i++)
    plan_steps(&plan, request->models[i]);
  return plan.families;
}
