/* Ceilings, copies of every path, kernels beside copies, and whole steps. */
#include "plan_parts.h"

#include <string.h>

#include "kernels/kv_copy.h"

#define KIB G_GINT64_CONSTANT(1024)
#define MIB (1024 * KIB)

enum { FIELD_PIECE_BYTES = 0, FIELD_PIECES = 1 };

void
plan_ceilings(Plan *plan)
{
  static const struct {
    const char *variant;
    gint64 work;
  } ceilings[] = {
      {CEILING_GEMM, G_GINT64_CONSTANT(2) * 8192 * 8192 * 8192},
      {CEILING_COPY, 1024 * MIB},
      {CEILING_READ, 1024 * MIB},
      {CEILING_LAUNCH, 1},
      {CEILING_H2D, 256 * MIB},
      {CEILING_D2H, 256 * MIB},
      {CEILING_BOTH, 512 * MIB},
  };

  for (guint i = 0; i < G_N_ELEMENTS(ceilings); i++) {
    const gint64 shape[OPERATION_SHAPE_MAX] = {ceilings[i].work};
    const char *dtype = g_str_equal(ceilings[i].variant, CEILING_GEMM) ? "bfloat16" : "";
    gboolean is_new;
    CalibrationFamily *family = plan_family(
        plan,
        calibration_family_new(OP_CEILING, ceilings[i].variant, dtype, shape, NO_AXIS, NO_AXIS),
        &is_new);
    calibration_group_add(calibration_family_add_group(family, PASS_COARSE, FALSE), family->variant,
                          shape);
  }
}

/* Rows of as many pieces, along their size, as the host's pinned memory and patience allow. */
static void
add_copy(Plan *plan, const char *variant, CalibrationPass pass)
{
  static const struct {
    gint64 pieces;
    CalibrationPass pass;
  } rows[] = {{1, PASS_COARSE},   {4, PASS_FULL},    {16, PASS_COARSE},   {64, PASS_FULL},
              {256, PASS_COARSE}, {1024, PASS_FULL}, {4096, PASS_COARSE}, {8192, PASS_FULL}};
  static const gint64 coarse[] = {4 * KIB, 64 * KIB, 1 * MIB, 16 * MIB};
  static const gint64 full[] = {4 * KIB,   8 * KIB,   16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB,
                                256 * KIB, 512 * KIB, 1 * MIB,  2 * MIB,  4 * MIB,  16 * MIB};
  const gint64 shape[] = {0, 0};
  gboolean is_new, quick = plan->request->is_quick;
  gint64 limit = MIN((quick ? 128 : 1024) * MIB, (gint64)plan->request->identity->pinned_bytes);
  CalibrationFamily *family = plan_family(
      plan, calibration_family_new(OP_COPY, variant, "", shape, FIELD_PIECE_BYTES, FIELD_PIECES),
      &is_new);

  family->grain = KV_COPY_VECTOR_BYTES;
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    gint64 most = limit / rows[i].pieces / (4 * KIB) * (4 * KIB);
    if (most < 4 * KIB || (quick && rows[i].pass == PASS_FULL))
      continue;
    if (rows[i].pass == PASS_COARSE)
      plan_row(family, pass, rows[i].pieces, coarse, G_N_ELEMENTS(coarse), most);
    if (!quick)
      plan_row(family, PASS_FULL, rows[i].pieces, full, G_N_ELEMENTS(full), most);
  }
}

static void
add_beside(Plan *plan, const char *compute, const char *copy)
{
  static const char *const parts[] = {"alone", "beside", "copy-alone", "copy-beside"};
  static const gint64 shapes[][2] = {{64 * KIB, 256}, {2 * MIB, 8}};
  const gint64 none[] = {0, 0};

  for (guint p = 0; p < G_N_ELEMENTS(parts); p++) {
    g_autofree char *variant = g_strjoin("/", compute, copy, parts[p], NULL);
    gboolean is_new;
    CalibrationFamily *family = plan_family(
        plan, calibration_family_new(OP_BESIDE, variant, "", none, NO_AXIS, NO_AXIS), &is_new);
    CalibrationGroup *group = calibration_family_add_group(family, PASS_COARSE, FALSE);
    for (guint s = 0; s < (plan->request->is_quick ? 1 : G_N_ELEMENTS(shapes)); s++) {
      const gint64 shape[OPERATION_SHAPE_MAX] = {shapes[s][0], shapes[s][1]};
      calibration_group_add(group, family->variant, shape);
    }
  }
}

/* What cost models read comes first: a path's two directions. */
void
plan_copies(Plan *plan)
{
  static const char *const memories[] = {"pinned", "pageable"};
  static const char *const paths[] = {"single", "batched", "kernel"};
  static const char *const directions[] = {"h2d", "d2h", "both"};
  static const char *const computes[] = {"decode", "gemm"};

  for (guint m = 0; m < G_N_ELEMENTS(memories); m++)
    for (guint p = 0; p < (m == 0 ? 3 : 2); p++)     /* a kernel reaches pinned memory only */
      for (guint d = 0; d < (m == 0 ? 3 : 2); d++) { /* pageable copies are never at once */
        g_autofree char *variant = g_strjoin("/", directions[d], memories[m], paths[p], NULL);
        gboolean is_read = d < 2 && p < 2;
        if (is_read || !plan->request->is_quick)
          add_copy(plan, variant, is_read ? PASS_COARSE : PASS_FULL);
      }
  for (guint c = 0; c < G_N_ELEMENTS(computes); c++)
    for (guint p = 0; p < G_N_ELEMENTS(paths); p++)
      for (guint d = 0; d < 2; d++) {
        g_autofree char *copy = g_strjoin("/", directions[d], "pinned", paths[p], NULL);
        if (p == 1 || !plan->request->is_quick)
          add_beside(plan, computes[c], copy);
      }
}

void
plan_steps(Plan *plan, const Model *model)
{
  const char *dtype = plan_weight_dtype(model);
  static const char *const variants[] = {STEP_GRAPH, STEP_EAGER};
  static const struct {
    gint64 fresh, cached, decodes, context;
    gboolean quick;
  } steps[] = {{0, 0, 1, 1024, TRUE},      {0, 0, 8, 1024, FALSE},  {0, 0, 32, 1024, TRUE},
               {0, 0, 128, 512, FALSE},    {0, 0, 256, 256, FALSE}, {64, 0, 0, 0, FALSE},
               {512, 0, 0, 0, TRUE},       {2048, 0, 0, 0, TRUE},   {512, 1024, 32, 1024, FALSE},
               {2016, 0, 32, 1024, FALSE}, {3000, 0, 0, 0, FALSE},  {4096, 0, 0, 0, TRUE}};
  const gint64 template[] = {
      0, 0, 0, 0, model->layers, model->hidden, model->ffn, model->heads, model->kv_heads};

  if (model->experts > 0 || dtype == NULL || !model_is_uniform(model))
    return;
  for (guint v = 0; v < G_N_ELEMENTS(variants); v++) {
    gboolean is_new;
    CalibrationFamily *family = plan_family(
        plan, calibration_family_new(OP_STEP, variants[v], dtype, template, NO_AXIS, NO_AXIS),
        &is_new);
    CalibrationGroup *group;
    if (!is_new)
      continue;
    family->model = model;
    group = calibration_family_add_group(family, PASS_COARSE, FALSE);
    for (guint s = 0; s < G_N_ELEMENTS(steps); s++) {
      gint64 shape[OPERATION_SHAPE_MAX];
      memcpy(shape, template, sizeof shape);
      shape[0] = steps[s].fresh;
      shape[1] = steps[s].cached;
      shape[2] = steps[s].decodes;
      shape[3] = steps[s].context;
      if ((steps[s].quick || !plan->request->is_quick) &&
          steps[s].fresh + steps[s].cached <= model->max_position &&
          steps[s].context <= model->max_position)
        calibration_group_add(group, family->variant, shape);
    }
  }
}
