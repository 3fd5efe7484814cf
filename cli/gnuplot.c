#include "gnuplot.h"

#include <glib/gstdio.h>
#include <stdio.h>

static const struct {
  const char *suffix;
  const char *terminal;
} terminals[] = {
    {".svg", "svg size 900,700 background rgb 'white'"},
    {".png", "png size 900,700"},
    {".pdf", "pdf size 9in,7in"},
};

const char *
gnuplot_terminal(const char *out)
{
  if (out == NULL)
    return "dumb size 100,36";
  for (guint i = 0; i < G_N_ELEMENTS(terminals); i++)
    if (g_str_has_suffix(out, terminals[i].suffix))
      return terminals[i].terminal;
  return NULL;
}

static gboolean
start_gnuplot(const char *folder, char **output, GError **error)
{
  char *argv[] = {g_find_program_in_path("gnuplot"), (char *)"script", NULL};
  g_autofree char *program = argv[0];
  g_autofree char *messages = NULL;
  int status;

  if (program == NULL) {
    g_set_error(error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT,
                "gnuplot, which draws the plot, was not found; install it (Debian: gnuplot-nox), "
                "the figures are printed without it");
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
draw_in(const char *folder, const char *script, const char *data, const char *out, GError **error)
{
  g_autofree char *script_path = g_build_filename(folder, "script", NULL);
  g_autofree char *data_path = g_build_filename(folder, "data", NULL);
  g_autofree char *plot_path = g_build_filename(folder, "plot", NULL);
  g_autofree char *output = NULL, *plot = NULL;
  gsize n_bytes = 0;
  gboolean worked = g_file_set_contents(script_path, script, -1, error) &&
                    g_file_set_contents(data_path, data, -1, error) &&
                    start_gnuplot(folder, &output, error);

  if (worked && out == NULL)
    fputs(output, stdout);
  else if (worked)
    worked = g_file_get_contents(plot_path, &plot, &n_bytes, error) &&
             g_file_set_contents(out, plot, (gssize)n_bytes, error);
  g_unlink(script_path);
  g_unlink(data_path);
  g_unlink(plot_path);
  return worked;
}

gboolean
gnuplot_draw(const char *script, const char *data, const char *out, GError **error)
{
  g_autofree char *folder = g_dir_make_tmp("spillway-plot-XXXXXX", error);
  gboolean worked = folder != NULL && draw_in(folder, script, data, out, error);

  if (folder != NULL)
    g_rmdir(folder);
  return worked;
}
