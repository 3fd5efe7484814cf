/* A run and a comparison for people. The texts are the caller's and end in a line break. */
#pragma once

#include "figures.h"

char *summary_text(const RunRecord *record);

/* Figures down, runs across, the best of a row marked, and the difference in words. The table is
 * broken into parts that fit a terminal of `width` columns. */
char *comparison_text(const RunRecord *records, guint n_records, guint width);

/* Of that, what is told in sentences. */
char *comparison_words(const RunRecord *records, guint n_records);

/* What was asked: model, device, scheduler, trace, memory. with_overflow: also what tells the
 * runs of a comparison apart. */
void text_append_setting(GString *text, const RunRecord *record, gboolean with_overflow);
/* Which share of the time was measured, which modelled. */
void text_append_origin(GString *text, const RunRecord *record);
/* What stands in for what was not measured (the first run's, as all have one profile), and whose
 * host time it is, with its share of the runs' time. */
void text_append_sources(GString *text, const RunRecord *records, guint n_records);
/* TRUE if more than 1 % of the requests were ignored: a text says so before anything else. */
gboolean text_refuses_many(const RunRecord *record);
/* How many requests were ignored, why, the limit and what it comes from; how many swaps were none.
 * A line each, for more than 0. */
void text_append_ignored(GString *text, const RunRecord *record);
void text_append_fallbacks(GString *text, const RunRecord *record);
/* Pools at their peaks, preemptions, what was recomputed and copied, and who waited for it. */
void text_append_overflow(GString *text, const RunRecord *record);
/* Of all of a run's steps; 0 where no cost model was asked. */
gint64 text_components_ps(const Summary *sum);
