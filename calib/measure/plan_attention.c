/* Attention: prefills over cached prefixes, decodes over contexts, both in one step, and batches of
 * unequal contexts. One layer, for one number of heads.
 *
 * The fits read a table row by row, so a row is measured whole. Mixed steps are one group: fits
 * that find one of them take all of them for measured.
 */
#include "plan_parts.h"

enum { FIELD_NEW = 1, FIELD_CACHED, FIELD_DECODES, FIELD_CONTEXT };

/* The share of the card's free memory for the KV of one timing. */
#define KV_SHARE 0.25
enum { KV_BYTES = 2 };

static gint64
most_tokens(const Plan *plan, const Model *model)
{
  double token_bytes = 2.0 * KV_BYTES * model->kv_heads * model->head_dim;

  return (gint64)(KV_SHARE * (double)plan->request->identity->free_bytes / token_bytes);
}

static CalibrationFamily *
family_of(Plan *plan, const Model *model, gboolean prefill, guint inner, guint outer,
          gboolean *is_new)
{
  const gint64 shape[] = {prefill, 0, 0, 0, 0, model->heads, model->kv_heads, model->head_dim};

  return plan_family(
      plan, calibration_family_new(OP_ATTENTION, "", "bfloat16", shape, inner, outer), is_new);
}

static void
add_prefills(Plan *plan, const Model *model)
{
  static const struct {
    gint64 tokens;
    CalibrationPass pass;
  } rows[] = {{1, PASS_COARSE},  {16, PASS_COARSE},   {64, PASS_FULL},   {128, PASS_COARSE},
              {256, PASS_FULL},  {512, PASS_COARSE},  {1024, PASS_FULL}, {2048, PASS_COARSE},
              {4096, PASS_FULL}, {8192, PASS_COARSE}, {16384, PASS_FULL}};
  static const gint64 coarse[] = {0, 2048, 16384}, full[] = {0, 512, 2048, 8192, 32768};
  gint64 most = MIN((gint64)model->max_position, most_tokens(plan, model));
  gboolean is_new, quick = plan->request->is_quick;
  CalibrationFamily *family = family_of(plan, model, TRUE, FIELD_CACHED, FIELD_NEW, &is_new);

  for (guint i = 0; is_new && i < G_N_ELEMENTS(rows); i++) {
    gint64 room = most - rows[i].tokens;
    if (room < 0 || (quick && rows[i].pass == PASS_FULL))
      continue;
    if (rows[i].pass == PASS_COARSE)
      plan_row(family, PASS_COARSE, rows[i].tokens, coarse, G_N_ELEMENTS(coarse), room);
    if (!quick)
      plan_row(family, PASS_FULL, rows[i].tokens, full, G_N_ELEMENTS(full), room);
  }
}

/* Besides powers of two what lies just above a whole number of waves of thread blocks, and between
 * two: a line from 8 to 16 sequences says nothing of 9 to 12. */
static void
add_decodes(Plan *plan, const Model *model)
{
  static const struct {
    gint64 decodes;
    CalibrationPass pass;
  } rows[] = {{1, PASS_COARSE},   {2, PASS_FULL},     {4, PASS_FULL},   {8, PASS_COARSE},
              {12, PASS_FULL},    {16, PASS_FULL},    {17, PASS_FULL},  {20, PASS_FULL},
              {24, PASS_FULL},    {32, PASS_COARSE},  {48, PASS_FULL},  {64, PASS_FULL},
              {128, PASS_COARSE}, {256, PASS_COARSE}, {512, PASS_FULL}, {1024, PASS_FULL}};
  static const gint64 coarse[] = {16, 512, 4096, 32768};
  static const gint64 full[] = {16, 128, 512, 1024, 2048, 4096, 8192, 16384, 32768, 131072};
  gboolean is_new, quick = plan->request->is_quick;
  CalibrationFamily *family = family_of(plan, model, FALSE, FIELD_CONTEXT, FIELD_DECODES, &is_new);

  for (guint i = 0; is_new && i < G_N_ELEMENTS(rows); i++) {
    gint64 most = MIN((gint64)model->max_position, most_tokens(plan, model) / rows[i].decodes);
    if (most < 16 || (quick && rows[i].pass == PASS_FULL))
      continue;
    if (rows[i].pass == PASS_COARSE)
      plan_row(family, PASS_COARSE, rows[i].decodes, coarse, G_N_ELEMENTS(coarse), most);
    if (!quick)
      plan_row(family, PASS_FULL, rows[i].decodes, full, G_N_ELEMENTS(full), most);
  }
}

/* One chunk of a prompt in a step with decodes, of no more than `most` tokens of KV together. */
static void
add_beside_decodes(CalibrationGroup *group, const Model *model, gint64 fresh, gint64 cached,
                   gint64 most)
{
  static const gint64 decodes[] = {8, 64, 256}, contexts[] = {256, 4096};

  for (guint i = 0; i < G_N_ELEMENTS(decodes); i++)
    for (guint j = 0; j < G_N_ELEMENTS(contexts); j++) {
      const gint64 shape[OPERATION_SHAPE_MAX] = {
          1,           fresh,        cached,          decodes[i],
          contexts[j], model->heads, model->kv_heads, model->head_dim};
      if (contexts[j] <= model->max_position && fresh + cached + decodes[i] * contexts[j] <= most)
        calibration_group_add(group, "", shape);
    }
}

static void
add_mixed(Plan *plan, const Model *model)
{
  static const gint64 fresh[] = {16, 128, 512, 2048, 8192}, cached[] = {0, 4096};
  gint64 most = most_tokens(plan, model);
  gboolean is_new;
  CalibrationFamily *family = family_of(plan, model, TRUE, NO_AXIS, NO_AXIS, &is_new);
  CalibrationGroup *group;

  if (!is_new)
    return;
  group = calibration_family_add_group(family, PASS_FULL, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS(fresh); i++)
    for (guint c = 0; c < G_N_ELEMENTS(cached); c++)
      if (fresh[i] + cached[c] <= model->max_position)
        add_beside_decodes(group, model, fresh[i], cached[c], most);
}

static void
add_skews(Plan *plan, const Model *model)
{
  static const char *const variants[] = {"mean", "max", "skew"};
  static const gint64 decodes[] = {8, 32, 128}, parts[] = {8, 2};
  const gint64 template[] = {0, 0, 0, 0, 0, 0, model->heads, model->kv_heads, model->head_dim};
  gint64 big = MIN(4096, (gint64)model->max_position);
  gboolean is_new;
  CalibrationFamily *family = plan_family(
      plan, calibration_family_new(OP_ATTENTION_SKEW, "", "bfloat16", template, NO_AXIS, NO_AXIS),
      &is_new);
  CalibrationGroup *group;

  if (!is_new)
    return;
  group = calibration_family_add_group(family, PASS_FULL, TRUE);
  for (guint i = 0; i < G_N_ELEMENTS(decodes); i++)
    for (guint j = 0; j < G_N_ELEMENTS(parts); j++)
      for (guint v = 0; v < G_N_ELEMENTS(variants); v++) {
        const gint64 shape[OPERATION_SHAPE_MAX] = {0,
                                                   0,
                                                   decodes[i],
                                                   decodes[i] / parts[j],
                                                   big / 16,
                                                   big,
                                                   model->heads,
                                                   model->kv_heads,
                                                   model->head_dim};
        if (decodes[i] * big <= most_tokens(plan, model))
          calibration_group_add(group, variants[v], shape);
      }
}

void
plan_attention(Plan *plan, const Model *model)
{
  add_decodes(plan, model);
  add_prefills(plan, model);
  if (plan->request->is_quick)
    return;
  add_mixed(plan, model);
  add_skews(plan, model);
}
