/* What the sub-verbs of `spillway profile` share. */
#pragma once

#include "calib/cost/profile_check.h"
#include "cli/format_option.h"

#include <jansson.h>

int command_profile_show(int argc, char **argv);
int command_profile_import(int argc, char **argv);
int command_profile_check(int argc, char **argv);
int command_profile_plot(int argc, char **argv);

/* The profile that a command line names: a shipped one, or a file. NULL and an error if there is
 * none, or it cannot be read. Where it was measured with several kinds of kernels, profile_named()
 * keeps the samples of one, `kernels`, or NULL: the first (calib/profile_kernels.h);
 * profile_named_whole() keeps all. */
Profile *profile_named(const char *text, const char *kernels, GError **error);
Profile *profile_named_whole(const char *text, GError **error);
#define PROFILE_KERNELS_HELP "of a profile that was measured with several kinds of kernels, those"

/* Prints that a verb expected one profile, and found n. The exit status. */
int profile_verb_refuse_count(const char *verb, int n);

/* The value of --format, table or json; NULL: table. FALSE and an error on anything else. */
gboolean profile_format_parse(const char *text, OutputFormat *format, GError **error);

/* Prints the value and releases it. The exit status. */
int profile_print_json(const char *verb, json_t *value);
/* A JSON string; bytes that are no UTF-8 are replaced. */
json_t *profile_json_text(const char *text);

/* "m 1–8192, n 4096, k 4096"; the caller frees it. */
char *profile_shape_text(OperationKind kind, const gint64 *low, const gint64 *high);
json_t *profile_shape_json(OperationKind kind, const gint64 *shape);

/* Appends a table of how far predictions were off, a row a result (of ProfileCheckResult); its last
 * column says where the worst was, in the words of `worst_text`, which the table frees. */
void profile_append_errors(const GArray *results,
                           char *(*worst_text)(const ProfileCheckResult *result), GString *text);
/* The same row as an object, without where the worst was. */
json_t *profile_error_json(const ProfileCheckResult *result);

/* Appends which operations of a model's step were not measured, and what each is used for. */
void profile_append_missing(const Profile *profile, GString *text);

/* TRUE if the text names a device that has no profile of that name, or a device file. */
gboolean profile_is_device(const char *text);
/* `profile show` of a device. Returns the exit status. */
int profile_show_device(const char *verb, const char *text, OutputFormat format);

/* Draws the points of a check (of ProfileCheckPoint, at least one), measured against predicted, the
 * worst marked: into a file that ends in .svg, .png or .pdf, or into the terminal (out NULL). Needs
 * gnuplot. */
gboolean profile_draw(const Profile *profile, const GArray *points, const char *out,
                      GError **error);
/* TRUE if `out` is NULL or ends in .svg, .png or .pdf. */
gboolean profile_can_draw(const char *out);
