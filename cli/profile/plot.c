/* `spillway profile plot`: held-out samples, measured against predicted, drawn by gnuplot into a
 * file or, without -o, with characters in the terminal. */
#include "config.h"

#include "profile.h"

#include "cli/cli.h"
#include "report/plot/gnuplot.h"
#include "scenario/resolve.h"
#include "scenario/output_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PICTURE_WIDTH 900
#define PICTURE_HEIGHT 700
#define TEXT_COLUMNS 100
#define TEXT_ROWS 36

static const ProfileSample *
sample_of(const Profile *profile, const ProfileCheckPoint *point)
{
  return &g_array_index(profile->samples, ProfileSample, point->sample);
}

static double
error_of(const Profile *profile, const ProfileCheckPoint *point)
{
  double measured = sample_of(profile, point)->median_ns;

  return measured > 0 ? fabs(point->predicted_ns / measured - 1) : 0;
}

static void
keep_operation(const Profile *profile, GArray *points, OperationKind kind)
{
  guint kept = 0;

  for (guint i = 0; i < points->len; i++) {
    ProfileCheckPoint *all = (ProfileCheckPoint *)(gpointer)points->data;
    if (sample_of(profile, &all[i])->operation == kind)
      all[kept++] = all[i];
  }
  g_array_set_size(points, kept);
}

static guint
find_worst(const Profile *profile, const GArray *points)
{
  guint worst = 0;

  for (guint i = 1; i < points->len; i++)
    if (error_of(profile, &g_array_index(points, ProfileCheckPoint, i)) >
        error_of(profile, &g_array_index(points, ProfileCheckPoint, worst)))
      worst = i;
  return worst;
}

static void
append_point(GString *data, const Profile *profile, const ProfileCheckPoint *point)
{
  char measured[G_ASCII_DTOSTR_BUF_SIZE], predicted[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd(measured, sizeof measured, "%.9g", sample_of(profile, point)->median_ns / 1e3);
  g_ascii_formatd(predicted, sizeof predicted, "%.9g", point->predicted_ns / 1e3);
  g_string_append_printf(data, "%s %s\n", measured, predicted);
}

/* An operation a block of the data; the last block is the worst. */
static char *
make_data(const Profile *profile, const GArray *points, guint worst, GArray *kinds)
{
  GString *data = g_string_new(NULL);

  for (guint kind = 0; kind < OPERATIONS; kind++) {
    gboolean any = FALSE;
    for (guint i = 0; i < points->len; i++) {
      const ProfileCheckPoint *point = &g_array_index(points, ProfileCheckPoint, i);
      if (sample_of(profile, point)->operation != kind || point->predicted_ns <= 0)
        continue;
      append_point(data, profile, point);
      any = TRUE;
    }
    if (any) {
      g_string_append(data, "\n\n");
      g_array_append_val(kinds, kind);
    }
  }
  append_point(data, profile, &g_array_index(points, ProfileCheckPoint, worst));
  return g_string_free(data, FALSE);
}

/* Fields of 0 are left out: a title has room for one line. */
static void
append_shape(GString *script, const ProfileSample *sample)
{
  for (guint i = 0; i < operation_n_shape(sample->operation); i++)
    if (sample->shape[i] != 0) {
      g_string_append_c(script, ' ');
      gnuplot_append_plain(script, operations[sample->operation].shape[i]);
      g_string_append_printf(script, " %" G_GINT64_FORMAT, sample->shape[i]);
    }
}

static char *
make_script(const Profile *profile, const ProfileCheckPoint *worst, const GArray *kinds)
{
  const ProfileSample *sample = sample_of(profile, worst);
  GString *script = g_string_new("set title \"");

  gnuplot_append_plain(script, profile->name);
  g_string_append_printf(script, ": samples held out, the worst off by %.0f %%\\n",
                         100 * error_of(profile, worst));
  gnuplot_append_plain(script, operations[sample->operation].name);
  append_shape(script, sample);
  g_string_append(
      script, "\" noenhanced font ',9'\nset logscale xy\nset key left top noenhanced\nset grid\n"
              "set xlabel 'measured (us)'\nset ylabel 'predicted (us)'\n"
              "plot x title 'equal' with lines");
  for (guint i = 0; i < kinds->len; i++)
    g_string_append_printf(script, ", 'data' index %u title '%s' with points", i,
                           operations[g_array_index(kinds, guint, i)].name);
  g_string_append_printf(script,
                         ", 'data' index %u title 'worst' with points pointtype 6 pointsize 2 "
                         "linewidth 2 linecolor rgb 'red'\n",
                         kinds->len);
  return g_string_free(script, FALSE);
}

gboolean
profile_draw(const Profile *profile, const GArray *points, const char *out, GError **error)
{
  guint worst = find_worst(profile, points);
  g_autoptr(GArray) kinds = g_array_new(FALSE, FALSE, sizeof(guint));
  g_autofree char *data = make_data(profile, points, worst, kinds);
  g_autofree char *script =
      make_script(profile, &g_array_index(points, ProfileCheckPoint, worst), kinds);
  GnuplotDrawing drawing = {
      .commands = script,
      .data = data,
      .width = out != NULL ? PICTURE_WIDTH : TEXT_COLUMNS,
      .height = out != NULL ? PICTURE_HEIGHT : TEXT_ROWS,
      .out = out,
  };

  return gnuplot_format_of(out, &drawing.format) && gnuplot_draw(&drawing, error);
}

static gboolean
find_operation(const char *name, OperationKind *kind, GError **error)
{
  const char *names[OPERATIONS + 1] = {NULL};
  g_autofree char *list = NULL, *hint = NULL;

  if (operation_find(name, kind))
    return TRUE;
  for (guint i = 0; i < OPERATIONS; i++)
    names[i] = operations[i].name;
  list = operation_names();
  hint = typed_hint(name, names);
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--operation: found '%s', expected %s%s", name, list, hint);
  return FALSE;
}

gboolean
profile_can_draw(const char *out)
{
  GnuplotFormat format;

  return gnuplot_format_of(out, &format);
}

static int
plot(const char *name, const char *operation, const char *out)
{
  static const char verb[] = "profile plot";
  g_autoptr(GError) error = NULL;
  g_autoptr(GArray) results = g_array_new(FALSE, FALSE, sizeof(ProfileCheckResult));
  g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(ProfileCheckPoint));
  g_autoptr(Profile) profile = NULL;
  g_autoptr(Device) device = NULL;
  OperationKind kind = OPERATIONS;

  if (!profile_can_draw(out))
    return cli_error(CLI_USAGE, verb,
                     "-o: found '%s', expected a name that ends in .svg, .png or "
                     ".pdf",
                     out);
  if (!output_file_check(&(NamedFile){"-o", out}, 1, &(NamedFile){"FILE", name}, 1, &error) ||
      (operation != NULL && !find_operation(operation, &kind, &error)) ||
      (profile = profile_named(name, NULL, &error)) == NULL)
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if ((device = resolve_device(profile->device, &error)) == NULL ||
      !profile_check(profile, device, results, points, &error))
    return cli_error(CLI_FAILED, verb, "%s", error->message);
  if (operation != NULL)
    keep_operation(profile, points, kind);
  if (points->len == 0)
    return cli_error(CLI_FAILED, verb, "%s has too few samples%s%s to hold any out", profile->name,
                     operation != NULL ? " of " : "", operation != NULL ? operation : "");
  if (!profile_draw(profile, points, out, &error))
    return cli_error(CLI_FAILED, verb, "%s", error->message);
  return CLI_DONE;
}

int
command_profile_plot(int argc, char **argv)
{
  g_autofree char *operation = NULL, *out = NULL;
  const GOptionEntry entries[] = {
      {"operation", 0, 0, G_OPTION_ARG_STRING, &operation, "only this one: gemm, attention …",
       "OP"},
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &out,
       "where to draw: FILE.svg, .png or .pdf; the terminal if not given", "FILE"},
      {NULL},
  };
  static const char verb[] = "profile plot";
  int status = CLI_DONE;
  const VerbOptions usage = {
      .name = verb,
      .arguments = "NAME|FILE",
      .summary = "Draws samples that were held out, measured against predicted, with the worst\n"
                 "marked. Needs gnuplot.",
      .examples = "Examples:\n"
                  "  spillway profile plot a100.db\n"
                  "  spillway profile plot a100.db --operation attention -o attention.svg",
      .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc != 2)
    return profile_verb_refuse_count(verb, argc - 1);
  return plot(argv[1], operation, out);
}
