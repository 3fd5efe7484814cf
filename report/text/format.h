/* Numbers as text: exact seconds for files, readable figures for people. Independent of the locale.
 * What returns char * is the caller's. */
#pragma once

#include <glib.h>

#define FORMAT_SECONDS_MAX 40

/* Exact, trailing zeros trimmed: 1500000000000 → "1.5". Writes into `buffer`, returns it. */
const char *format_seconds_ps(gint64 time_ps, char buffer[FORMAT_SECONDS_MAX]);

/* "1,234,567". */
char *format_count(guint64 count);

/* Four digits and at most three decimals, thousands separated: "0.123", "12.34", "12,345"; two
 * digits of anything smaller. */
char *format_number(double value);

/* The unit that suits a duration, so that a row of a table can share one. */
typedef struct {
  const char *name; /* "ms" */
  double per_s;     /* 1000 */
} DurationUnit;

const DurationUnit *format_duration_unit(double seconds);
/* "12.34 ms". */
char *format_duration_in(double seconds, const DurationUnit *unit);
char *format_duration(double seconds);

/* 0.1234 → "12.3 %"; "0 %" is exactly none, "<0.1 %" is not. */
char *format_percent(double fraction);

/* TRUE for text, not a number, that a spreadsheet computes as a formula in a CSV file: "=1+1",
 * "@x", also behind apostrophes. An option's name ("--seed") is no formula. */
gboolean format_is_formula(const char *text);
/* Appends a cell of a CSV row: quoted where it holds a comma, a quote, or a line break. A formula
 * gets an apostrophe before it, which makes it text. */
void format_csv_cell(GString *row, const char *text);
/* A real as our CSV and JSON print it: 12 digits. */
const char *format_real(double value, char buffer[FORMAT_SECONDS_MAX]);
