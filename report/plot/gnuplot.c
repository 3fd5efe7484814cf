#include "gnuplot.h"

#include "files/output.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

static const char *const names[] = {
    [GNUPLOT_SVG] = "svg",
    [GNUPLOT_PNG] = "png",
    [GNUPLOT_PDF] = "pdf",
};

gboolean
gnuplot_format(const char *name, GnuplotFormat *format)
{
  for (guint i = GNUPLOT_SVG; i <= GNUPLOT_PDF; i++)
    if (g_str_equal(names[i], name)) {
      *format = (GnuplotFormat)i;
      return TRUE;
    }
  return FALSE;
}

gboolean
gnuplot_format_of(const char *path, GnuplotFormat *format)
{
  const char *dot = path != NULL ? strrchr(path, '.') : NULL;

  *format = GNUPLOT_TEXT;
  return path == NULL || (dot != NULL && gnuplot_format(dot + 1, format));
}

void
gnuplot_append_plain(GString *commands, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid(text, -1);

  for (const char *c = valid; *c != '\0'; c = g_utf8_next_char(c))
    if (g_ascii_isalnum(*c) || strchr(" .,:;+-=/()%_<>*", *c) != NULL)
      g_string_append_c(commands, *c);
    else if (g_unichar_isalnum(g_utf8_get_char(c)))
      g_string_append_unichar(commands, g_utf8_get_char(c));
}

void
gnuplot_append_quoted(GString *commands, const char *text)
{
  g_string_append_c(commands, '"');
  gnuplot_append_plain(commands, text);
  g_string_append_c(commands, '"');
}

static char *
terminal(const GnuplotDrawing *d)
{
  switch (d->format) {
  case GNUPLOT_TEXT:
    return g_strdup_printf("dumb noenhanced size %u,%u", d->width, d->height);
  case GNUPLOT_SVG:
    return g_strdup_printf("svg noenhanced size %u,%u background rgb 'white'", d->width, d->height);
  case GNUPLOT_PNG:
    return g_strdup_printf("pngcairo noenhanced size %u,%u", d->width, d->height);
  case GNUPLOT_PDF: /* 100 pixels an inch, so that text is as large as in the others */
    return g_strdup_printf("pdfcairo noenhanced size %u.%02uin,%u.%02uin", d->width / 100,
                           d->width % 100, d->height / 100, d->height % 100);
  }
  g_assert_not_reached();
}

static gboolean
start(const char *folder, char **output, GError **error)
{
  char *argv[] = {g_find_program_in_path("gnuplot"), (char *)"script", NULL};
  g_autofree char *program = argv[0];
  g_autofree char *messages = NULL;
  int status;

  if (program == NULL) {
    g_set_error(error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT,
                "gnuplot, which draws, was not found; install it (Debian: gnuplot-nox)");
    return FALSE;
  }
  if (!g_spawn_sync(folder, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, output, &messages, &status,
                    error))
    return FALSE;
  if (status == 0)
    return TRUE;
  g_set_error(error, G_SPAWN_ERROR, G_SPAWN_ERROR_FAILED, "gnuplot failed: %s",
              g_strstrip(messages));
  return FALSE;
}

static gboolean
draw_in(const char *folder, const char *script, const GnuplotDrawing *d, GError **error)
{
  g_autofree char *script_path = g_build_filename(folder, "script", NULL);
  g_autofree char *data_path = g_build_filename(folder, "data", NULL);
  g_autofree char *plot_path = g_build_filename(folder, "plot", NULL);
  g_autofree char *output = NULL, *plot = NULL;
  gsize n_bytes = 0;
  gboolean worked = g_file_set_contents(script_path, script, -1, error) &&
                    g_file_set_contents(data_path, d->data, -1, error) &&
                    start(folder, &output, error);

  if (worked && d->out == NULL)
    fputs(output, stdout);
  else if (worked)
    worked = g_file_get_contents(plot_path, &plot, &n_bytes, error) &&
             output_write(d->out, plot, (gssize)n_bytes, error);
  g_unlink(script_path);
  g_unlink(data_path);
  g_unlink(plot_path);
  return worked;
}

gboolean
gnuplot_draw(const GnuplotDrawing *drawing, GError **error)
{
  g_autofree char *kind = terminal(drawing);
  g_autofree char *script =
      g_strdup_printf("set terminal %s\nset encoding utf8\n%s%s\n", kind,
                      drawing->out != NULL ? "set output 'plot'\n" : "", drawing->commands);
  g_autofree char *folder = g_dir_make_tmp("spillway-plot-XXXXXX", error);
  gboolean worked = folder != NULL && draw_in(folder, script, drawing, error);

  if (folder != NULL)
    g_rmdir(folder);
  return worked;
}
