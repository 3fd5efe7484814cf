/* A validation for programs: one JSON object (doc/validation.md has its keys), or CSV. */
#include <jansson.h>
#include <math.h>

#include "report/text/format.h"
#include "report/text/json_values.h"
#include "validation.h"
#include "sim/units.h"

enum { JSON_FORMAT = 1 };

static json_t *
figures_json(const Validation *v)
{
  json_t *object = json_object();
  const char *const *keys = validation_keys();

  for (guint i = 0; keys[i] != NULL; i++) {
    const Figure *figure = figure_find(keys[i]);
    double live = figure_real(figure, v->live), simulated = figure_real(figure, v->simulated);
    json_object_set_new(object, keys[i],
                        json_pack("{s:o, s:o, s:o}", "computed", json_real_or_null(live),
                                  "simulated", json_real_or_null(simulated), "error",
                                  json_real_or_null(validation_error(live, simulated))));
  }
  return object;
}

static json_t *
targets_json(const Validation *v, gboolean *all_met)
{
  TargetResult targets[VALIDATION_TARGETS];
  json_t *object = json_object();

  *all_met = TRUE;
  validation_targets(v, targets);
  for (guint i = 0; i < VALIDATION_TARGETS; i++) {
    *all_met &= targets[i].met;
    json_object_set_new(object, targets[i].key,
                        json_pack("{s:o, s:o, s:o, s:f, s:b}", "computed",
                                  json_real_or_null(targets[i].computed_s), "simulated",
                                  json_real_or_null(targets[i].simulated_s), "error",
                                  json_real_or_null(targets[i].error), "target", targets[i].target,
                                  "met", targets[i].met ? 1 : 0));
  }
  return object;
}

static json_t *
steps_json(const StepWatch *steps)
{
  json_t *object = json_object();

  for (guint k = 0; k < STEPS_KINDS; k++) {
    KindError e = validation_kind(steps, (StepsKind)k);
    if (e.steps > 0)
      json_object_set_new(
          object, steps_kind_name((StepsKind)k),
          json_pack("{s:i, s:f, s:f, s:o, s:o, s:o}", "steps", (int)e.steps, "computed_p50_s",
                    e.computed_s.p50, "predicted_p50_s", e.predicted_s.p50, "error_p50",
                    json_real_or_null(validation_error(e.computed_s.p50, e.predicted_s.p50)),
                    "error_p95",
                    json_real_or_null(validation_error(e.computed_s.p95, e.predicted_s.p95)),
                    "error_sum", json_real_or_null(e.sum_error)));
  }
  return object;
}

static json_t *
operations_json(const Validation *v)
{
  TimePart parts[VALIDATION_PARTS];
  guint n = validation_parts(v, parts);
  json_t *object = json_object();

  for (guint i = 0; i < n; i++)
    json_object_set_new(
        object, parts[i].name,
        json_pack("{s:f, s:f, s:o, s:b}", "computed_s", ps_to_s(parts[i].computed_ps),
                  "predicted_s", ps_to_s(parts[i].predicted_ps), "error",
                  json_real_or_null(validation_error((double)parts[i].computed_ps,
                                                     (double)parts[i].predicted_ps)),
                  "inferred", parts[i].is_inferred ? 1 : 0));
  return object;
}

static json_t *
copies_json(const Validation *v)
{
  json_t *object = json_object();

  for (CopyDirection d = COPY_OUT; d < COPY_DIRECTIONS; d++) {
    CopyError e = validation_copies(v, d);
    if (e.jobs > 0)
      json_object_set_new(
          object, validation_copies_name(d),
          json_pack(
              "{s:I, s:I, s:f, s:f, s:o}", "jobs", (json_int_t)e.jobs, "blocks",
              (json_int_t)e.blocks, "computed_s", ps_to_s(e.computed_ps), "predicted_s",
              ps_to_s(e.predicted_ps), "error",
              json_real_or_null(validation_error((double)e.computed_ps, (double)e.predicted_ps))));
  }
  return object;
}

char *
validation_json(const Validation *v)
{
  json_auto_t *root = json_object();
  g_autofree char *explanation = validation_explanation(v);
  g_autofree char *text = NULL;
  gboolean all_met;

  json_object_set_new(root, "format", json_integer(JSON_FORMAT));
  json_object_set_new(root, "targets", targets_json(v, &all_met));
  json_object_set_new(root, "targets_met", json_boolean(all_met));
  json_object_set_new(root, "figures", figures_json(v));
  json_object_set_new(root, "steps", steps_json(v->steps));
  json_object_set_new(root, "operations", operations_json(v));
  if (v->copies != NULL)
    json_object_set_new(root, "copies", copies_json(v));
  json_object_set_new(root, "explanation", json_string(explanation));
  json_object_set_new(root, "replay_identical", json_boolean(validation_replay_is_same(v)));
  json_object_set_new(root, "cost", json_string(v->cost));
  json_object_set(root, "config", v->live->config);
  text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  return g_strconcat(text, "\n", NULL);
}

static void
append_csv(GString *text, const char *key, double computed, double simulated, double target,
           const char *met)
{
  double error = validation_error(computed, simulated);
  char a[FORMAT_SECONDS_MAX], b[FORMAT_SECONDS_MAX], c[FORMAT_SECONDS_MAX], d[FORMAT_SECONDS_MAX];

  g_string_append_printf(text, "%s,%s,%s,%s,%s,%s\n", key,
                         isnan(computed) ? "" : format_real(computed, a),
                         isnan(simulated) ? "" : format_real(simulated, b),
                         isfinite(error) ? format_real(error, c) : "",
                         target > 0 ? format_real(target, d) : "", met);
}

char *
validation_csv(const Validation *v)
{
  GString *text = g_string_new("figure,computed,simulated,error,target,met\n");
  TargetResult targets[VALIDATION_TARGETS];
  const char *const *keys = validation_keys();

  validation_targets(v, targets);
  for (guint i = 0; i < VALIDATION_TARGETS; i++)
    append_csv(text, targets[i].key, targets[i].computed_s, targets[i].simulated_s,
               targets[i].target, targets[i].met ? "yes" : "no");
  for (guint i = 0; keys[i] != NULL; i++) {
    const Figure *figure = figure_find(keys[i]);
    gboolean is_target = FALSE;
    for (guint t = 0; t < VALIDATION_TARGETS; t++)
      is_target |= g_str_equal(targets[t].key, keys[i]);
    if (!is_target)
      append_csv(text, keys[i], figure_real(figure, v->live), figure_real(figure, v->simulated), 0,
                 "");
  }
  return g_string_free(text, FALSE);
}
