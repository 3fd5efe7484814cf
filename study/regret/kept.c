#include "kept.h"

#include <math.h>

#include "choices.h"
#include "report/results/check.h"
#include "report/results/private.h"
#include "report/results/studies.h"
#include "scenario/settings_policies.h"
#include "study/identity.h"

struct KeptPlays {
  Results *results;
  char *identity; /* of the scenario under the engine's own policies */
  guint32 n_requests;
  sqlite3_stmt *find, *add, *find_choices, *add_choices;
  guint64 n_found, n_added;
  GError *error;
};

enum { KEY = 1, END, FINISHED, PREEMPTIONS, MEAN_LATENCY, TTFT_P99, REQUESTS, OUTPUT_TOKENS };

/* Of the settings without the policies and their options, which are in the key of each play. */
static char *
identity_of(const Settings *settings, GError **error)
{
  g_autoptr(Settings) own = settings_copy(settings);
  g_autoptr(Shelf) shelf = shelf_new();

  g_clear_pointer(&own->overflow, g_free);
  g_clear_pointer(&own->victim, g_free);
  for (guint kind = POLICY_OVERFLOW; kind <= POLICY_VICTIM; kind++) {
    g_auto(GStrv) names = settings_policy_list(&policy_kinds[kind], "all", error);
    settings_forget(own, policy_kinds[kind].option);
    settings_forget_others(own, &policy_kinds[kind], policy_kinds[kind].entry(0)->name,
                           (const char *const *)names);
  }
  return run_identity(own, shelf, NULL, error);
}

static gboolean
prepare_statements(KeptPlays *kept, GError **error)
{
  Results *results = kept->results;

  return (kept->find =
              results_prepare(results,
                              "SELECT key, end, finished, preemptions, mean_latency_s, ttft_p99_s,"
                              " requests_per_s, output_tokens_per_s FROM regret_play WHERE key = ?",
                              error)) != NULL &&
         (kept->add = results_prepare(results,
                                      "INSERT OR REPLACE INTO regret_play VALUES (?,?,?,?,?,?,?,?)",
                                      error)) != NULL &&
         (kept->find_choices = results_prepare(
              results, "SELECT choices FROM regret_choices WHERE key = ?", error)) != NULL &&
         (kept->add_choices = results_prepare(
              results, "INSERT OR REPLACE INTO regret_choices VALUES (?,?)", error)) != NULL;
}

KeptPlays *
kept_plays_new(Results *results, const Settings *settings, guint32 n_requests, GError **error)
{
  g_autoptr(KeptPlays) kept = g_new0(KeptPlays, 1);

  kept->results = results;
  kept->n_requests = n_requests;
  kept->identity = identity_of(settings, error);
  if (kept->identity == NULL || !results_exec(results, regret_tables, error) ||
      !results_check_kept(results, "main", results->path, error))
    return NULL;
  return prepare_statements(kept, error) ? g_steal_pointer(&kept) : NULL;
}

void
kept_plays_free(KeptPlays *kept)
{
  if (kept == NULL)
    return;
  sqlite3_finalize(kept->find);
  sqlite3_finalize(kept->add);
  sqlite3_finalize(kept->find_choices);
  sqlite3_finalize(kept->add_choices);
  g_clear_error(&kept->error);
  g_free(kept->identity);
  g_free(kept);
}

guint64
kept_plays_found(const KeptPlays *kept)
{
  return kept->n_found;
}

guint64
kept_plays_added(const KeptPlays *kept)
{
  return kept->n_added;
}

gboolean
kept_plays_check(const KeptPlays *kept, GError **error)
{
  if (kept->error != NULL && error != NULL)
    *error = g_error_copy(kept->error);
  return kept->error == NULL;
}

static void
append_policy(GString *text, const Policy *policy, const PolicyValues *values)
{
  g_string_append_printf(text, "\n%s", policy->name);
  for (guint i = 0; policy->options[i].name != NULL; i++)
    g_string_append_printf(text, " %.17g", values->of[i]);
}

/* A digest of all that decides a play: the scenario, the base policies, the actions that decisions
 * may name, the decisions. Caller frees. */
static char *
key_of(const KeptPlays *kept, const Play *play)
{
  const SchedulerConfig *c = &play->config;
  const ScriptSpace *space = play->space;
  g_autoptr(GString) text = g_string_new(kept->identity);

  g_string_append_printf(text, "\n%u", c->num_cpu_blocks);
  append_policy(text, &c->overflow->base, &c->overflow_options);
  append_policy(text, &c->victim->base, &c->victim_options);
  for (guint i = 0; i < space->n_actions; i++)
    append_policy(text, &space->actions[i].policy->base, &space->actions[i].options);
  for (guint i = 0; i < play->decisions->len; i++) {
    const ScriptDecision *d = &g_array_index(play->decisions, ScriptDecision, i);
    g_string_append_printf(text, "\n%u %u %u", d->eviction, d->request, d->action);
  }
  return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
}

static gboolean
is_kept(const Play *play)
{
  return play->space != NULL && play->decisions != NULL && play->notes != PLAY_NOTES_ALL;
}

/* The key does not have which victims were listed as choices. It need not, as only exhaustive.c
 * asks for choices, and lists all that run. */
static gboolean
find_choices(KeptPlays *kept, const char *key, Play *play)
{
  sqlite3_stmt *row = kept->find_choices;
  const char *text;
  gboolean found;

  if (play->notes != PLAY_NOTES_CHOICES)
    return TRUE;
  sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
  found = sqlite3_step(row) == SQLITE_ROW &&
          (text = (const char *)sqlite3_column_text(row, 0)) != NULL &&
          choices_from_text(play, text, kept->n_requests);
  sqlite3_reset(row);
  return found;
}

gboolean
kept_plays_find(KeptPlays *kept, Play *play)
{
  g_autofree char *key = is_kept(play) ? key_of(kept, play) : NULL;
  sqlite3_stmt *row = kept->find;
  gboolean found = FALSE;

  if (key == NULL)
    return FALSE;
  sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
  if (sqlite3_step(row) == SQLITE_ROW && find_choices(kept, key, play)) {
    const double ttft_p99_s = sqlite3_column_double(row, TTFT_P99 - 1);
    const gboolean has_latency = sqlite3_column_type(row, MEAN_LATENCY - 1) != SQLITE_NULL;
    play->figures = (PlayFigures){
        .end = has_latency ? RUN_DONE : RUN_ABORT,
        .finished = (guint64)sqlite3_column_int64(row, FINISHED - 1),
        .preemptions = (guint64)sqlite3_column_int64(row, PREEMPTIONS - 1),
        .mean_latency_s = has_latency ? sqlite3_column_double(row, MEAN_LATENCY - 1) : INFINITY,
        .ttft_p99_s = ttft_p99_s > 0 ? ttft_p99_s : INFINITY,
        .requests_per_s = sqlite3_column_double(row, REQUESTS - 1),
        .output_tokens_per_s = sqlite3_column_double(row, OUTPUT_TOKENS - 1),
    };
    kept->n_found++;
    found = TRUE;
  }
  sqlite3_reset(row);
  return found;
}

static gboolean
add_choices(KeptPlays *kept, const char *key, const Play *play)
{
  g_autofree char *text = NULL;
  sqlite3_stmt *row = kept->add_choices;
  gboolean worked;

  if (play->notes != PLAY_NOTES_CHOICES)
    return TRUE;
  text = choices_to_text(play);
  sqlite3_bind_text(row, 1, key, -1, SQLITE_STATIC);
  sqlite3_bind_text(row, 2, text, -1, SQLITE_STATIC);
  worked = sqlite3_step(row) == SQLITE_DONE || results_fail(kept->results, &kept->error);
  sqlite3_reset(row);
  return worked;
}

static gboolean
add_one(KeptPlays *kept, const Play *play)
{
  g_autofree char *key = key_of(kept, play);
  const PlayFigures *f = &play->figures;
  sqlite3_stmt *row = kept->add;
  gboolean worked;

  sqlite3_bind_text(row, KEY, key, -1, SQLITE_STATIC);
  sqlite3_bind_text(row, END, run_end_name(f->end), -1, SQLITE_STATIC);
  sqlite3_bind_int64(row, FINISHED, (gint64)f->finished);
  sqlite3_bind_int64(row, PREEMPTIONS, (gint64)f->preemptions);
  if (isfinite(f->mean_latency_s))
    sqlite3_bind_double(row, MEAN_LATENCY, f->mean_latency_s);
  else
    sqlite3_bind_null(row, MEAN_LATENCY);
  sqlite3_bind_double(row, TTFT_P99, isfinite(f->ttft_p99_s) ? f->ttft_p99_s : 0);
  sqlite3_bind_double(row, REQUESTS, f->requests_per_s);
  sqlite3_bind_double(row, OUTPUT_TOKENS, f->output_tokens_per_s);
  worked = sqlite3_step(row) == SQLITE_DONE || results_fail(kept->results, &kept->error);
  sqlite3_reset(row);
  worked = worked && add_choices(kept, key, play);
  kept->n_added += worked ? 1 : 0;
  return worked;
}

void
kept_plays_add(KeptPlays *kept, const Play *plays, const guint *places, guint n)
{
  gboolean has_any = FALSE, worked = TRUE;

  for (guint i = 0; i < n; i++)
    has_any = has_any || is_kept(&plays[places[i]]);
  if (!has_any || kept->error != NULL || !results_begin(kept->results, &kept->error))
    return;
  for (guint i = 0; worked && i < n; i++)
    worked = !is_kept(&plays[places[i]]) || add_one(kept, &plays[places[i]]);
  results_finish(kept->results, worked, worked ? &kept->error : NULL);
}
