/* What people type, on a command line or in a study file: numbers, and names that come near. */
#pragma once

#include <glib.h>

/* The candidate (NULL-terminated) nearest to what was typed by edit distance, or NULL if none is
 * near. */
const char *typed_nearest(const char *typed, const char *const *candidates);
/* "; did you mean NAME?" of that one, for the end of a message; "" where none is near. The caller
 * frees it. */
char *typed_hint(const char *typed, const char *const *candidates);
/* Whether these are words of the name, which dashes keep apart: "h100" and "4090" of "h100-sxm" and
 * "rtx-4090". */
gboolean typed_has_words(const char *name, const char *words);

/* Behind a message about a text that is a list: where several values go. "" where it is none. */
const char *typed_list_hint(const char *text);

/* Numbers as people type them. Each sets an error that says what was found and what is expected;
 * `what` names the option or field. Whole text must match; no NaN, no infinity, no sign but '-'. */
gboolean typed_uint(const char *text, const char *what, guint64 min, guint64 max, guint64 *value,
                    GError **error);
gboolean typed_real(const char *text, const char *what, double min, double max, double *value,
                    GError **error);
/* The same, or "inf": INFINITY. */
gboolean typed_rate(const char *text, const char *what, double min, double max, double *value,
                    GError **error);
/* "4GiB", "512MiB", "1.5GB", "1073741824" → bytes. A bare number is scaled by `bare_unit` bytes. */
gboolean typed_bytes(const char *text, const char *what, guint64 bare_unit, guint64 *bytes,
                     GError **error);
/* "90s", "5m", "1h30m", "45" (seconds) → microseconds, at least one second. */
gboolean typed_duration(const char *text, const char *what, gint64 *duration_us, GError **error);
/* "12%" → 0.12. FALSE without an error if the text does not end in '%'. */
gboolean typed_percent(const char *text, double *fraction);
