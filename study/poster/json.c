/* findings.json: what findings.md says, for programs. */
#include "poster.h"

#include "sim/units.h"

static json_t *
seconds(gint64 time_ps)
{
  return time_ps < 0 ? json_null() : json_real(ps_to_s(time_ps));
}

static json_t *
setting_json(const PosterData *d)
{
  const PosterSetting *s = &d->setting;

  return json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:s, s:b, s:s, s:s?, s:f, s:s?, s:[i, i, i]}",
                   "title", s->title, "device", s->device, "model", s->model, "profile", d->profile,
                   "sha256", d->digest, "scheduler", s->scheduler, "enable_chunked_prefill",
                   s->chunked, "copy_path", s->copy_path, "what_if", s->what_if, "measured_share",
                   d->measured_share, "executor", d->executor, "burst", (int)d->burst.requests,
                   (int)d->burst.prompt_tokens, (int)d->burst.output_tokens);
}

static json_t *
findings_json(const PosterFinding *findings)
{
  json_t *array = json_array();

  for (guint i = 0; i < POSTER_FINDINGS; i++)
    json_array_append_new(array,
                          json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "id", findings[i].id,
                                    "figure", (int)findings[i].figure, "claim", findings[i].claim,
                                    "verdict", poster_verdict_name(findings[i].verdict), "numbers",
                                    findings[i].numbers, "depends_on", findings[i].depends));
  return array;
}

static json_t *
verdicts_json(const PosterData *d)
{
  PosterFinding *findings = poster_judge(d);
  json_t *object = json_object();

  for (guint i = 0; i < POSTER_FINDINGS; i++)
    json_object_set_new(object, findings[i].id,
                        json_pack("{s:s, s:s}", "verdict", poster_verdict_name(findings[i].verdict),
                                  "numbers", findings[i].numbers));
  poster_findings_free(findings);
  return object;
}

static json_t *
runs_json(const PosterData *d)
{
  json_t *array = json_array();

  for (guint i = 0; i < POSTER_SHARES; i++)
    for (guint p = 0; p < POSTER_POLICIES; p++) {
      const PosterRun *run = &d->runs[i][p];
      if (run->missing)
        continue;
      json_array_append_new(
          array,
          json_pack("{s:i, s:s, s:i, s:s, s:o, s:o, s:o, s:o, s:I}", "kv_percent",
                    (int)poster_percents[i], "overflow", poster_policy_names[p], "num_gpu_blocks",
                    (int)run->num_gpu_blocks, "end", run_end_name(run->end), "makespan_s",
                    seconds(run->makespan_ps), "lost_s", seconds(run->lost_ps), "recompute_s",
                    seconds(run->recompute_ps), "copy_s", seconds(run->copy_ps), "preemptions",
                    (json_int_t)run->preemptions));
    }
  return array;
}

static json_t *
settings_json(const GPtrArray *settings)
{
  json_t *array = json_array();

  for (guint i = 0; i < settings->len; i++) {
    const PosterData *d = g_ptr_array_index(settings, i);
    json_array_append_new(array, json_pack("{s:o, s:o, s:o}", "setting", setting_json(d),
                                           "verdicts", verdicts_json(d), "runs", runs_json(d)));
  }
  return array;
}

static json_t *
live_json(const Poster *poster)
{
  json_t *missing = json_array();

  for (guint i = 0; i < poster->live_missing->len; i++)
    json_array_append_new(missing, json_string(g_ptr_array_index(poster->live_missing, i)));
  return json_pack("{s:o, s:o, s:o, s:o}", "setting", setting_json(poster->live), "findings",
                   findings_json(poster->live_findings), "runs", runs_json(poster->live), "missing",
                   missing);
}

json_t *
poster_json(const Poster *poster)
{
  json_t *root = json_pack("{s:o, s:o, s:o}", "setting", setting_json(poster->study), "findings",
                           findings_json(poster->findings), "runs", runs_json(poster->study));

  if (poster->live != NULL)
    json_object_set_new(root, "live", live_json(poster));
  if (poster->engines != NULL)
    json_object_set_new(root, "engines", settings_json(poster->engines));
  if (poster->changes != NULL)
    json_object_set_new(root, "changes", settings_json(poster->changes));
  if (poster->errors != NULL)
    json_object_set_new(root, "errors", settings_json(poster->errors));
  return root;
}
