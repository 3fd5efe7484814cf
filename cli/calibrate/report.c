/* What a calibration ends with: what was measured, how far its fits are off, what went wrong, and
 * what to type next. */
#include "calibrate.h"

#include <stdio.h>

#include "calib/store/read.h"
#include "calib/profile_summary.h"
#include "cli/profile/profile.h"
#include "report/text/format.h"

enum { FAILURES_SHOWN = 8 };

static const char *const ends[] = {[CALIBRATION_DONE] = "done",
                                   [CALIBRATION_TIME_UP] = "time up",
                                   [CALIBRATION_STOPPED] = "stopped"};

char *
calibrate_time_text(gint64 time_us)
{
  gint64 s = (time_us + G_USEC_PER_SEC / 2) / G_USEC_PER_SEC;

  if (s < 60)
    return g_strdup_printf("%d s", (int)s);
  if (s < 3600)
    return g_strdup_printf("%d min %d s", (int)(s / 60), (int)(s % 60));
  return g_strdup_printf("%d h %d min", (int)(s / 3600), (int)(s % 3600 / 60));
}

/* Samples of each operation, those derived aside. */
static void
count_operations(const char *path, guint counts[OPERATIONS])
{
  g_autoptr(Profile) profile = profile_read(path, NULL);

  for (guint i = 0; profile != NULL && i < profile->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(profile->samples, ProfileSample, i);
    counts[sample->operation] += !sample->derived;
  }
}

static void
append_head(const CalibrateResult *r, GString *text)
{
  const CalibrationReport *report = r->report;
  g_autofree char *elapsed = calibrate_time_text(report->elapsed_us);
  g_autofree char *measured = format_count(report->measured);
  g_autofree char *known = format_count(report->known);
  guint counts[OPERATIONS] = {0};
  const char *comma = "";

  g_string_append_printf(text, "%s, driver %s, CUDA %s: %s shapes measured in %s",
                         r->identity->name, r->identity->driver, r->identity->cuda, measured,
                         elapsed);
  if (report->is_resumed)
    g_string_append_printf(text, ", %s were there already", known);
  g_string_append_printf(text, ".\n%s now has samples of ", r->path);
  count_operations(r->path, counts);
  for (guint i = 0; i < OPERATIONS; i++)
    if (counts[i] > 0) {
      g_autofree char *count = format_count(counts[i]);
      g_string_append_printf(text, "%s%s (%s)", comma, operations[i].name, count);
      comma = ", ";
    }
  g_string_append_printf(text, "%s.\n", *comma == '\0' ? "nothing" : "");
}

static char *
worst_text(const ProfileCheckResult *result)
{
  return profile_shape_text(result->operation, result->worst_shape, result->worst_shape);
}

static void
append_errors(const GArray *errors, GString *text)
{
  if (errors->len == 0)
    return;
  g_string_append(text, "\nError on shapes held out of the fits, of the measured time:\n\n");
  profile_append_errors(errors, worst_text, text);
}

static void
append_troubles(const CalibrationReport *report, GString *text)
{
  guint n = report->failures->len;

  if (n + report->notes->len + report->marked > 0)
    g_string_append_c(text, '\n');
  if (report->marked > 0)
    g_string_append_printf(text,
                           "%u of %u batches of half a minute are marked: the card had drifted, "
                           "throttled or was shared ('profile show' lists them).\n",
                           report->marked, report->batches);
  for (guint i = 0; i < report->notes->len; i++)
    g_string_append_printf(text, "%s.\n", (const char *)g_ptr_array_index(report->notes, i));
  if (n > 0)
    g_string_append_printf(text, "%u shape%s could not be measured%s:\n", n, n == 1 ? "" : "s",
                           n > FAILURES_SHOWN ? ", the first of them" : "");
  for (guint i = 0; i < MIN(n, FAILURES_SHOWN); i++)
    g_string_append_printf(text, "  %s\n", (const char *)g_ptr_array_index(report->failures, i));
}

static void
append_next(const CalibrateResult *r, GString *text)
{
  if (r->report->left > 0)
    g_string_append_printf(text,
                           "\n%u of %u planned shapes are left: the same command goes on where "
                           "this one ended.\n",
                           r->report->left, r->report->planned);
  else if (r->is_quick)
    g_string_append(text, "\nThe same command without --quick adds what a full profile has.\n");
  else if (r->report->end == CALIBRATION_TIME_UP)
    g_string_append(text, "\nTime was up before every fit was on target: the same command goes on "
                          "with those that are not.\n");
  g_string_append_printf(text,
                         "\nNow:\n"
                         "  spillway run --device %s --model MODEL --trace demo\n"
                         "  spillway profile check %s\n"
                         "  spillway profile export %s -o PROFILE.csv.gz\n",
                         r->path, r->path, r->path);
}

static json_t *
texts_json(const GPtrArray *texts)
{
  json_t *array = json_array();

  for (guint i = 0; i < texts->len; i++)
    json_array_append_new(array, profile_json_text(g_ptr_array_index(texts, i)));
  return array;
}

static json_t *
errors_json(const GArray *errors)
{
  json_t *array = json_array();

  for (guint i = 0; i < errors->len; i++) {
    const ProfileCheckResult *e = &g_array_index(errors, ProfileCheckResult, i);
    json_t *object = profile_error_json(e);
    json_object_set_new(object, "worst_shape", profile_shape_json(e->operation, e->worst_shape));
    json_array_append_new(array, object);
  }
  return array;
}

static json_t *
counts_json(const char *path)
{
  guint counts[OPERATIONS] = {0};
  json_t *object = json_object();

  count_operations(path, counts);
  for (guint i = 0; i < OPERATIONS; i++)
    json_object_set_new(object, operations[i].name, json_integer(counts[i]));
  return object;
}

static json_t *
result_json(const CalibrateResult *r)
{
  const CalibrationReport *report = r->report;
  json_t *object = json_pack(
      "{s:o, s:s, s:o, s:o, s:o, s:s, s:b, s:b, s:i, s:i, s:i, s:i, s:f, s:i, s:i}", "profile",
      profile_json_text(r->path), "device", r->nominal->name, "card",
      profile_json_text(r->identity->name), "driver", profile_json_text(r->identity->driver),
      "cuda", profile_json_text(r->identity->cuda), "end", ends[report->end], "quick", r->is_quick,
      "resumed", report->is_resumed, "measured", (int)report->measured, "known", (int)report->known,
      "planned", (int)report->planned, "left", (int)report->left, "elapsed_s",
      (double)report->elapsed_us / G_USEC_PER_SEC, "batches", (int)report->batches,
      "marked_batches", (int)report->marked);

  json_object_set_new(object, "samples", counts_json(r->path));
  json_object_set_new(object, "errors", errors_json(report->errors));
  json_object_set_new(object, "failures", texts_json(report->failures));
  json_object_set_new(object, "notes", texts_json(report->notes));
  return object;
}

int
calibrate_report_print(const CalibrateResult *result, OutputFormat format)
{
  g_autoptr(GString) text = NULL;

  if (format == OUTPUT_JSON)
    return profile_print_json("calibrate", result_json(result));
  text = g_string_new(NULL);
  append_head(result, text);
  append_errors(result->report->errors, text);
  append_troubles(result->report, text);
  append_next(result, text);
  cli_print(text->str);
  return CLI_DONE;
}
