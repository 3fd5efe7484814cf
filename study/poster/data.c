/* The study's numbers as CSV, a file a figure. Seconds are exact, or told with 12 digits. */
#include "poster.h"

#include <math.h>

#include "files/output.h"
#include "report/text/format.h"
#include "sim/units.h"

static gboolean
write_file(const char *folder, const char *name, GString *text, GError **error)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);
  gboolean worked = output_write(path, text->str, (gssize)text->len, error);

  g_string_free(text, TRUE);
  return worked;
}

static void
append_seconds(GString *text, gint64 time_ps)
{
  char buffer[FORMAT_SECONDS_MAX];

  if (time_ps < 0)
    g_string_append_c(text, ',');
  else
    g_string_append_printf(text, ",%s", format_seconds_ps(time_ps, buffer));
}

static void
append_number(GString *text, double value)
{
  char buffer[FORMAT_SECONDS_MAX];

  g_string_append_printf(text, ",%s", format_real(value, buffer));
}

/* "" where there is no such cost. */
static void
append_cost(GString *text, gboolean known, gint64 time_ps)
{
  append_seconds(text, known ? time_ps : -1);
}

static GString *
figure2(const PosterData *d)
{
  GString *text = g_string_new("tokens,block_size,recompute_s,swap_pinned_s,swap_pageable_s\n");

  for (guint n = 0; n < d->longest; n++)
    for (guint i = 0; i < POSTER_BLOCK_SIZES; i++) {
      if (!d->priced[i])
        continue;
      g_string_append_printf(text, "%u,%u", poster_lengths[n], poster_block_sizes[i]);
      append_seconds(text, d->pinned[i][n].recompute_ps);
      append_seconds(text, poster_swap_ps(&d->pinned[i][n]));
      append_cost(text, d->priced_pageable[i], poster_swap_ps(&d->pageable[i][n]));
      g_string_append_c(text, '\n');
    }
  return text;
}

/* As figure 2's, a column a block size; recomputing is in blocks of 16. */
static GString *
figure3(const PosterData *d)
{
  GString *text = g_string_new("tokens,recompute_s");

  for (guint i = 0; i < POSTER_BLOCK_SIZES; i++)
    g_string_append_printf(text, ",swap_%u_s", poster_block_sizes[i]);
  g_string_append_c(text, '\n');
  for (guint n = 0; n < d->longest; n++) {
    g_string_append_printf(text, "%u", poster_lengths[n]);
    append_cost(text, d->priced[POSTER_SIZE_AT], d->pinned[POSTER_SIZE_AT][n].recompute_ps);
    for (guint i = 0; i < POSTER_BLOCK_SIZES; i++)
      append_cost(text, d->priced[i], poster_swap_ps(&d->pinned[i][n]));
    g_string_append_c(text, '\n');
  }
  return text;
}

static void
append_run(GString *text, const PosterRun *run)
{
  g_string_append_printf(text, ",%u,%s", run->num_gpu_blocks, run_end_name(run->end));
  append_seconds(text, run->makespan_ps);
  append_seconds(text, run->lost_ps);
  append_seconds(text, run->recompute_ps);
  append_seconds(text, run->copy_ps);
  g_string_append_printf(text,
                         ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "\n",
                         run->preemptions, run->fallbacks, run->finished);
}

#define RUN_COLUMNS                                                                                \
  ",gpu_blocks,end,makespan_s,lost_s,recompute_s,copy_s,preemptions,fallbacks,finished\n"

/* A line of the figure lies together. */
static GString *
figure4(const PosterData *d)
{
  GString *text = g_string_new("kv_percent,policy,host_memory" RUN_COLUMNS);

  for (guint p = 0; p < POSTER_POLICIES; p++)
    for (guint i = 0; i < POSTER_SHARES; i++) {
      if (d->runs[i][p].missing)
        continue;
      g_string_append_printf(text, "%u,%s,ample", poster_percents[i], poster_policy_names[p]);
      append_run(text, &d->runs[i][p]);
    }
  for (guint i = 0; i < POSTER_SHARES; i++) {
    if (d->small_host[i].missing)
      continue;
    g_string_append_printf(text, "%u,swap,4GiB", poster_percents[i]);
    append_run(text, &d->small_host[i]);
  }
  return text;
}

static GString *
block_sizes(const PosterData *d)
{
  GString *text = g_string_new("block_size,policy" RUN_COLUMNS);

  for (guint i = 0; i < POSTER_REPLAY_SIZES; i++)
    for (guint p = 0; p < POSTER_POLICIES; p++) {
      if (d->by_size[i][p].missing)
        continue;
      g_string_append_printf(text, "%u,%s", poster_replay_sizes[i], poster_policy_names[p]);
      append_run(text, &d->by_size[i][p]);
    }
  return text;
}

static void
append_windows(GString *text, const PosterTimeline *timeline, const char *policy)
{
  const GArray *windows = poster_timeline_windows(timeline);

  for (guint i = 0; i < windows->len; i++) {
    const PosterWindow *w = &g_array_index(windows, PosterWindow, i);
    g_string_append(text, policy);
    append_number(text, w->time_s);
    append_number(text, w->length_s);
    append_number(text, w->tokens_per_s);
    append_number(text, w->output_tokens_per_s);
    append_number(text, (double)w->gpu_blocks / poster_timeline_pool_blocks(timeline));
    g_string_append_printf(text, ",%u,%u,%u,%u,%d\n", w->evicted, w->resumed, w->new_tokens,
                           w->resumed_tokens, w->rise != FALSE);
  }
}

static GString *
figure5(const PosterData *d)
{
  GString *text = g_string_new("policy,time_s,length_s,tokens_per_s,output_tokens_per_s,kv_use,"
                               "evicted,resumed,new_tokens,recomputed_tokens,rise\n");

  for (guint p = 0; p < POSTER_POLICIES; p++)
    if (d->timelines[p] != NULL)
      append_windows(text, d->timelines[p], poster_policy_names[p]);
  return text;
}

static void
append_setting(GString *text, const PosterData *d)
{
  const PosterSetting *s = &d->setting;
  const char *const fields[] = {s->title,
                                s->device,
                                s->model,
                                s->scheduler,
                                s->chunked ? "yes" : "no",
                                s->copy_path,
                                s->what_if != NULL ? s->what_if : ""};

  for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
    g_string_append(text, i > 0 ? "," : "");
    format_csv_cell(text, fields[i]);
  }
}

static GString *
settings_table(const GPtrArray *settings)
{
  GString *text = g_string_new("setting,device,model,scheduler,chunked_prefill,copy_path,what_if,"
                               "kv_percent,policy" RUN_COLUMNS);

  for (guint k = 0; k < settings->len; k++) {
    const PosterData *d = g_ptr_array_index(settings, k);
    for (guint i = 0; i < POSTER_SHARES; i++)
      for (guint p = 0; p < POSTER_POLICIES; p++) {
        append_setting(text, d);
        g_string_append_printf(text, ",%u,%s", poster_percents[i], poster_policy_names[p]);
        append_run(text, &d->runs[i][p]);
      }
  }
  return text;
}

static gboolean
write_figures(const PosterData *d, const char *folder, const char *prefix, GError **error)
{
  static const struct {
    const char *name;
    GString *(*table)(const PosterData *d);
  } tables[] = {{"figure2.csv", figure2},
                {"figure3.csv", figure3},
                {"figure4.csv", figure4},
                {"figure5.csv", figure5},
                {"block-sizes.csv", block_sizes}};

  for (guint i = 0; i < G_N_ELEMENTS(tables); i++) {
    g_autofree char *name = g_strconcat(prefix, tables[i].name, NULL);
    if (!write_file(folder, name, tables[i].table(d), error))
      return FALSE;
  }
  return TRUE;
}

gboolean
poster_write_data(const Poster *poster, const char *folder, GError **error)
{
  return write_figures(poster->study, folder, "", error) &&
         (poster->live == NULL || write_figures(poster->live, folder, "live-", error)) &&
         (poster->engines == NULL ||
          write_file(folder, "engines.csv", settings_table(poster->engines), error)) &&
         (poster->changes == NULL ||
          write_file(folder, "changes.csv", settings_table(poster->changes), error)) &&
         (poster->errors == NULL ||
          write_file(folder, "errors.csv", settings_table(poster->errors), error));
}
