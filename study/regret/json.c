/* Regret for programs: JSON and CSV. */
#include "regret.h"

#include <math.h>

#include "report/text/format.h"
#include "report/text/json_values.h"

static json_t *
figures_to_json(const Regret *regret, const PlayFigures *figures)
{
  json_t *object = json_object();

  json_object_set_new(object, "mean_latency_s", json_real_or_null(figures->mean_latency_s));
  json_object_set_new(object, "regret", json_real_or_null(regret_of(regret, figures)));
  json_object_set_new(object, "preemptions", json_integer((json_int_t)figures->preemptions));
  json_object_set_new(object, "ttft_p99_s", json_real_or_null(figures->ttft_p99_s));
  json_object_set_new(object, "requests_per_s", json_real(figures->requests_per_s));
  json_object_set_new(object, "output_tokens_per_s", json_real(figures->output_tokens_per_s));
  json_object_set_new(object, "end", json_string(run_end_name(figures->end)));
  return object;
}

static json_t *
id_to_json(const Regret *regret, guint32 request)
{
  g_autofree char *id = workload_id_json(regret->workload, request);

  return json_loads(id, JSON_DECODE_ANY, NULL);
}

static json_t *
victim_to_json(const Regret *regret, const StepVictim *victim)
{
  return json_pack("{s:o, s:o, s:s, s:i, s:i}", "request", id_to_json(regret, victim->request),
                   "for", id_to_json(regret, victim->beneficiary), "action",
                   overflow_action_name(victim->action), "blocks", (int)victim->blocks,
                   "copied_blocks", (int)victim->copied_blocks);
}

static json_t *
steps_to_json(const Regret *regret, const Search *search)
{
  json_t *steps = json_array();

  for (guint i = 0; i < search->steps->len; i++) {
    const SearchStep *step = &g_array_index(search->steps, SearchStep, i);
    json_array_append_new(steps, json_pack("{s:I, s:f, s:o, s:o, s:f}", "eviction",
                                           (json_int_t)step->eviction, "time_s",
                                           (double)step->time_ps / 1e12, "was",
                                           victim_to_json(regret, &step->before), "better",
                                           victim_to_json(regret, &step->after), "gain_s",
                                           step->before_s - step->after_s));
  }
  return steps;
}

static json_t *
policy_to_json(const Regret *regret, const RegretPolicy *policy)
{
  json_t *object = json_pack("{s:s, s:s}", "overflow", policy->overflow, "victim", policy->victim);
  json_t *figures = figures_to_json(regret, &policy->figures);

  json_object_update(object, figures);
  json_decref(figures);
  if (policy->same_as >= 0) {
    const RegretPolicy *same =
        &g_array_index(regret->policies, RegretPolicy, (guint)policy->same_as);
    json_object_set_new(
        object, "same_as",
        json_pack("{s:s, s:s}", "overflow", same->overflow, "victim", same->victim));
  }
  if (policy->search.ran) {
    json_object_set_new(object, "lost", steps_to_json(regret, &policy->search));
    json_object_set_new(object, "searched_to_s", json_real(policy->search.best.mean_latency_s));
    json_object_set_new(object, "searched_all", json_boolean(policy->search.is_done));
  }
  return object;
}

static json_t *
best_to_json(const Regret *regret)
{
  json_t *object = figures_to_json(regret, &regret->best);

  json_object_del(object, "regret");
  json_object_set_new(object, "runs", json_integer((json_int_t)regret->plays));
  if (regret->best_from >= 0) {
    const RegretPolicy *from =
        &g_array_index(regret->policies, RegretPolicy, (guint)regret->best_from);
    json_object_set_new(object, "overflow", json_string(from->overflow));
    json_object_set_new(object, "victim", json_string(from->victim));
    json_object_set_new(
        object, "changed",
        json_integer(from->search.decisions != NULL ? (json_int_t)from->search.decisions->len : 0));
    json_object_set_new(object, "searched_all", json_boolean(from->search.is_done));
  }
  return object;
}

static json_t *
exhaustive_to_json(const Regret *regret)
{
  const Exhaustive *exhaustive = &regret->exhaustive;
  json_t *object = json_pack("{s:I, s:b, s:o}", "schedules", (json_int_t)exhaustive->schedules,
                             "all", exhaustive->is_whole, "mean_latency_s",
                             json_real_or_null(exhaustive->best.mean_latency_s));

  json_object_set_new(object, "gap", json_real_or_null(regret_gap(regret)));
  return object;
}

char *
regret_json(const Regret *regret)
{
  json_auto_t *root = json_object();
  json_t *policies = json_array(), *bounds = json_array();
  g_autofree char *text = NULL;

  for (guint i = 0; i < regret->policies->len; i++)
    json_array_append_new(
        policies, policy_to_json(regret, &g_array_index(regret->policies, RegretPolicy, i)));
  for (guint i = 0; i < regret->bounds->len; i++) {
    const RegretBound *bound = &g_array_index(regret->bounds, RegretBound, i);
    json_t *object = figures_to_json(regret, &bound->figures);
    json_object_set_new(object, "name", json_string(bound->name));
    json_object_del(object, "regret");
    json_array_append_new(bounds, object);
  }
  json_object_set_new(root, "policies", policies);
  json_object_set_new(root, "best_found", best_to_json(regret));
  json_object_set_new(root, "bounds", bounds);
  if (regret->has_exhaustive)
    json_object_set_new(root, "exhaustive", exhaustive_to_json(regret));
  json_object_set(root, "config", regret->header.config);
  text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  return g_strconcat(text, "\n", NULL);
}

char *
regret_csv(const Regret *regret)
{
  GString *text = g_string_new("overflow,victim,mean_latency_s,regret,preemptions,ttft_p99_s,"
                               "requests_per_s,output_tokens_per_s\n");

  for (guint i = 0; i < regret->policies->len; i++) {
    const RegretPolicy *policy = &g_array_index(regret->policies, RegretPolicy, i);
    const PlayFigures *f = &policy->figures;
    const double values[] = {f->ttft_p99_s, f->requests_per_s, f->output_tokens_per_s};
    char buffer[FORMAT_SECONDS_MAX];
    g_string_append_printf(text, "%s,%s,", policy->overflow, policy->victim);
    if (isfinite(f->mean_latency_s)) {
      g_string_append_printf(text, "%s,", format_real(f->mean_latency_s, buffer));
      g_string_append(text, format_real(regret_of(regret, f), buffer));
    } else {
      g_string_append_c(text, ',');
    }
    g_string_append_printf(text, ",%" G_GUINT64_FORMAT, f->preemptions);
    for (guint v = 0; v < G_N_ELEMENTS(values); v++)
      g_string_append_printf(text, ",%s",
                             isfinite(values[v]) ? format_real(values[v], buffer) : "");
    g_string_append_c(text, '\n');
  }
  return g_string_free(text, FALSE);
}
