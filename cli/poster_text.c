/* findings.md: the study as a page, and its summary for the terminal. */
#include "poster.h"

#include <math.h>

#include "report/format.h"
#include "report/table.h"
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

  g_string_append_printf(
      text,
      "%s on %s, %s, swap copies a block, layer and K or V at a time. 32 requests at once, 1500 "
      "tokens in, 1024 out; memory for KV as a share of 40 GB, blocks of 16 tokens; pinned host "
      "memory, 64 GiB of it, where nothing else is said.\n\n",
      d->setting.model, d->device_title, d->setting.scheduler);
  append_origin(d, text);
  if (d->unfit_percent > 0)
    g_string_append_printf(
        text,
        "From %u %% on, weights and KV are more than %s holds: a server would not "
        "start there.\n\n",
        d->unfit_percent, d->device_title);
}

static void
append_findings(const Poster *poster, GString *text)
{
  guint figure = 0;

  g_string_append(text, "| | the poster says | here |\n| --- | --- | --- |\n");
  for (guint i = 0; i < POSTER_FINDINGS; i++)
    g_string_append_printf(text, "| %s | %s | **%s** |\n", poster->findings[i].id,
                           poster->findings[i].claim,
                           poster_verdict_name(poster->findings[i].verdict));
  for (guint i = 0; i < POSTER_FINDINGS; i++) {
    const PosterFinding *f = &poster->findings[i];
    if (f->figure != figure)
      g_string_append_printf(text, "\n### Figure %u: %s\n\n![%s](figure%u.svg)\n", f->figure,
                             captions[f->figure], captions[f->figure], f->figure);
    figure = f->figure;
    g_string_append_printf(text, "\n**%s %s:** %s.\n%s\nDepends on: %s.\n", f->id,
                           poster_verdict_name(f->verdict), f->claim, f->numbers, f->depends);
  }
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
    const CrossoverCost *cost = &d->pinned[4][MIN(3, d->longest - 1)];
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
  append_findings(poster, text);
  append_host(poster->study, text);
  g_string_append(text, "\n### The engines of the time\n\n");
  append_settings(poster->engines, text);
  g_string_append(text, "\n### What has changed since\n\n");
  append_settings(poster->changes, text);
  return g_string_free(text, FALSE);
}

char *
poster_summary(const Poster *poster)
{
  GString *text = g_string_new(NULL);
  g_autoptr(Table) table = table_new("lll");

  g_string_append_printf(text, "%s on %s\n\n", poster->study->setting.model,
                         poster->study->device_title);
  for (guint i = 0; i < POSTER_FINDINGS; i++) {
    table_add(table, poster->findings[i].id);
    table_add(table, poster_verdict_name(poster->findings[i].verdict));
    table_add(table, poster->findings[i].claim);
  }
  table_append(table, "  ", text);
  return g_string_free(text, FALSE);
}
