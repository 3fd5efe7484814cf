/* What people type on a command line or in a study file: numbers, and misspelled names. */
#pragma once

#include <glib.h>

/* The candidate (of a NULL-terminated array) that is nearest by edit distance; NULL: none is near.
 */
const char *typed_nearest(const char *typed, const char *const *candidates);
/* "; did you mean NAME?" with that candidate, for the end of a message; "": none is near. The
 * caller frees it. */
char *typed_hint(const char *typed, const char *const *candidates);
/* TRUE if `words` are whole words of the name, which dashes separate: "h100" of "h100-sxm", "4090"
 * of "rtx-4090". */
gboolean typed_has_words(const char *name, const char *words);

/* For the end of a message about a value: if it is a list, where lists are taken; otherwise "". */
const char *typed_list_hint(const char *text);

/* Numbers as people type them. FALSE with an error that says what was found and what is expected;
 * `what` names the option or field. The whole text must match; no NaN, no infinity, no sign but
 * '-'. */
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
