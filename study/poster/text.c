/* findings.md: the study as a page, and its summary for the terminal. */
#include "poster.h"

#include <math.h>

#include "report/text/format.h"
#include "report/text/table.h"
#include "sim/units.h"

static const char *const captions[] = {
    [2] = "Overhead of evicting and restoring tokens, by block size",
    [3] = "Overhead by the number of tokens",
    [4] = "Overhead of the burst, by memory for KV",
    [5] = "Throughput and KV use over time at 12 %",
};

static char *
seconds(gint64 time_ps)
{
  return time_ps < 0 ? g_strdup("–") : format_number(ps_to_s(time_ps));
}

static void
append_origin(const PosterData *d, GString *text)
{
  g_autofree char *share = format_percent(d->measured_share);

  if (d->executor != NULL) {
    g_string_append_printf(text, "Every step and copy was computed and timed on %s.\n\n",
                           d->device_title);
    return;
  }
  if (d->profile == NULL)
    g_string_append_printf(text,
                           "Every cost is modelled, from published peaks of %s and the shares of "
                           "them that kernels and copies reach: nothing was measured on this card.",
                           d->device_title);
  else
    g_string_append_printf(
        text,
        "Costs are of the profile %s; what it does not hold is modelled from %s. "
        "%s of the device's time in the run of figure 5 was measured.",
        d->profile, d->device_title, share);
  g_string_append_printf(text, " SHA-256 of the costs' source: `%.12s…`.\n\n", d->digest);
}

static void
append_head(const Poster *poster, GString *text)
{
  const PosterData *d = poster->study;
  g_autofree char *card = poster_card_text(d);

  g_string_append_printf(
      text,
      "%s on %s, %s, swap copies a block, layer and K or V at a time. %u requests at once, %u "
      "tokens in, %u out; memory for KV as a share of %s, blocks of 16 tokens; pinned host "
      "memory, 64 GiB of it, where nothing else is said.\n\n",
      d->model_title, d->device_title, d->setting.scheduler, d->burst.requests,
      d->burst.prompt_tokens, d->burst.output_tokens, card);
  if (d->setting.burst.requests > 0)
    g_string_append(text, "The burst is not the study's; memory is scaled with it, so that each "
                          "share overflows as it does there.\n\n");
  append_origin(d, text);
  if (d->unfit_percent > 0)
    g_string_append_printf(
        text,
        "From %u %% on, weights and KV are more than %s holds: a server would not "
        "start there.\n\n",
        d->unfit_percent, d->device_title);
}

/* One column a setting: simulated, and live where there is that. */
static void
append_table(const Poster *poster, GString *text)
{
  gboolean live = poster->live != NULL;

  g_string_append(text,
                  live ? "| | the poster says | simulated | live |\n| --- | --- | --- | --- |\n"
                       : "| | the poster says | here |\n| --- | --- | --- |\n");
  for (guint i = 0; i < POSTER_FINDINGS; i++) {
    g_string_append_printf(text, "| %s | %s | **%s** |", poster->findings[i].id,
                           poster->findings[i].claim,
                           poster_verdict_name(poster->findings[i].verdict));
    if (live)
      g_string_append_printf(text, " **%s** |",
                             poster_verdict_name(poster->live_findings[i].verdict));
    g_string_append_c(text, '\n');
  }
}

static void
append_figure(const PosterData *d, const char *prefix, guint figure, GString *text)
{
  if (poster_has_figure(d, figure))
    g_string_append_printf(text, "\n![%s](%sfigure%u.svg)\n", captions[figure], prefix, figure);
}

/* A figure's heading and pictures, then its findings. */
static void
append_findings(const Poster *poster, GString *text)
{
  guint figure = 0;

  append_table(poster, text);
  for (guint i = 0; i < POSTER_FINDINGS; i++) {
    const PosterFinding *f = &poster->findings[i];
    if (f->figure != figure) {
      g_string_append_printf(text, "\n### Figure %u: %s\n", f->figure, captions[f->figure]);
      append_figure(poster->study, "", f->figure, text);
      if (poster->live != NULL)
        append_figure(poster->live, "live-", f->figure, text);
    }
    figure = f->figure;
    g_string_append_printf(text, "\n**%s %s:** %s.\n%s\nDepends on: %s.\n", f->id,
                           poster_verdict_name(f->verdict), f->claim, f->numbers, f->depends);
    if (poster->live != NULL)
      g_string_append_printf(text, "\n**%s, live, %s.**\n%s\n", f->id,
                             poster_verdict_name(poster->live_findings[i].verdict),
                             poster->live_findings[i].numbers);
  }
}

/* What was computed, and what is missing. */
static void
append_live(const Poster *poster, GString *text)
{
  if (poster->live == NULL)
    return;
  g_string_append(text, "Live: ");
  append_origin(poster->live, text);
  if (poster->live_missing->len == 0)
    return;
  g_string_append(text, "Missing is, and the same command goes on from here:\n\n");
  for (guint i = 0; i < poster->live_missing->len; i++)
    g_string_append_printf(text, "- %s\n",
                           (const char *)g_ptr_array_index(poster->live_missing, i));
  g_string_append_c(text, '\n');
}

static void
append_host(const PosterData *d, GString *text)
{
  g_string_append(text,
                  "\n### What 4 GiB of host memory does\n\n"
                  "| KV memory | with 64 GiB | | with 4 GiB | |\n| --- | --- | --- | --- | --- "
                  "|\n| | makespan, s | swaps | makespan, s | |\n");
  for (guint i = 0; i < POSTER_SHARES; i++) {
    const PosterRun *ample = &d->runs[i][POSTER_SWAP], *small = &d->small_host[i];
    g_autofree char *a = seconds(ample->makespan_ps);
    g_autofree char *b = small->end == RUN_DONE ? seconds(small->makespan_ps) : g_strdup("–");

    g_string_append_printf(text, "| %u %% | %s | %" G_GUINT64_FORMAT " | %s | ", poster_percents[i],
                           a, ample->preemptions, b);
    if (small->end != RUN_DONE)
      g_string_append_printf(text, "the engine ends (%s) with %" G_GUINT64_FORMAT " of 32 finished",
                             run_end_name(small->end), small->finished);
    else if (small->fallbacks > 0)
      g_string_append_printf(text, "%" G_GUINT64_FORMAT " recomputed for want of room",
                             small->fallbacks);
    else
      g_string_append(text, "enough");
    g_string_append(text, " |\n");
  }
}

static const PosterRun *
run_at(const PosterData *d, guint32 percent, PosterPolicy policy)
{
  for (guint i = 0; i < POSTER_SHARES; i++)
    if (poster_percents[i] == percent)
      return &d->runs[i][policy];
  g_return_val_if_reached(NULL);
}

static void
append_verdicts(const PosterData *d, GString *text)
{
  static const char *const marks[] = {"yes", "**no**", "?"};
  PosterFinding *findings = poster_judge(d);

  for (guint i = 0; i < POSTER_FINDINGS; i++)
    g_string_append_printf(text, " %s |", marks[findings[i].verdict]);
  poster_findings_free(findings);
}

static void
append_settings(const GPtrArray *settings, GString *text)
{
  g_string_append(text,
                  "| setting | F1 | F2 | F3 | F4 | F5 | F6 | F7 | F8 | F9 | recompute | swap | "
                  "recompute, 12 % | swap, 12 % |\n"
                  "| --- |");
  for (guint i = 0; i < POSTER_FINDINGS + 4; i++)
    g_string_append(text, " --- |");
  g_string_append_c(text, '\n');
  for (guint k = 0; k < settings->len; k++) {
    const PosterData *d = g_ptr_array_index(settings, k);
    const CrossoverCost *cost = &d->pinned[POSTER_SIZE_AT][MIN(3, d->longest - 1)];
    g_autofree char *recompute = format_number(ps_to_s(cost->recompute_ps) * 1000);
    g_autofree char *swap = format_number(ps_to_s(poster_swap_ps(cost)) * 1000);
    g_autofree char *a = seconds(run_at(d, POSTER_TIMELINE_PERCENT, POSTER_RECOMPUTE)->makespan_ps);
    g_autofree char *b = seconds(run_at(d, POSTER_TIMELINE_PERCENT, POSTER_SWAP)->makespan_ps);

    g_string_append_printf(text, "| %s |", d->setting.title);
    append_verdicts(d, text);
    g_string_append_printf(text, " %s ms | %s ms | %s s | %s s |\n", recompute, swap, a, b);
  }
  g_string_append(
      text, "\nyes: holds; no: does not hold; ?: cannot be told. Then the cost of recomputing, "
            "and of swapping out and in, 2,048 tokens; and the burst's makespan at 12 %.\n");
}

char *
poster_markdown(const Poster *poster)
{
  GString *text = g_string_new(NULL);

  append_head(poster, text);
  append_live(poster, text);
  append_findings(poster, text);
  if (!poster->study->small_host[0].missing)
    append_host(poster->study, text);
  if (poster->engines != NULL) {
    g_string_append(text, "\n### The engines of the time\n\n");
    append_settings(poster->engines, text);
  }
  if (poster->errors != NULL) {
    g_string_append(text, "\n### If the costs are off\n\n");
    append_settings(poster->errors, text);
  }
  if (poster->changes != NULL) {
    g_string_append(text, "\n### What has changed since\n\n");
    append_settings(poster->changes, text);
  }
  return g_string_free(text, FALSE);
}

char *
poster_summary(const Poster *poster)
{
  gboolean live = poster->live != NULL;
  GString *text = g_string_new(NULL);
  g_autoptr(Table) table = table_new(live ? "llll" : "lll");

  g_string_append_printf(text, "%s on %s", poster->study->model_title, poster->study->device_title);
  if (live)
    g_string_append_printf(text, ", simulated; live on %s", poster->live->device_title);
  g_string_append(text, "\n\n");
  if (live) {
    table_add(table, "");
    table_add(table, "simulated");
    table_add(table, "live");
    table_add(table, "the poster says");
  }
  for (guint i = 0; i < POSTER_FINDINGS; i++) {
    table_add(table, poster->findings[i].id);
    table_add(table, poster_verdict_name(poster->findings[i].verdict));
    if (live)
      table_add(table, poster_verdict_name(poster->live_findings[i].verdict));
    table_add(table, poster->findings[i].claim);
  }
  table_append(table, "  ", text);
  return g_string_free(text, FALSE);
}
