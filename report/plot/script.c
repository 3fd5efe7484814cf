#include "script.h"

#include <string.h>

void
plot_append_real(GString *text, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append_c(text, ' ');
  g_string_append(text, g_ascii_formatd(buffer, sizeof buffer, "%.9g", value));
}

void
plot_append_tic(Plot *plot, const char *label, double at)
{
  g_autoptr(GString) format = g_string_new(*label != '\0' ? label : "not set");

  g_string_replace(format, "%", "%%", 0);
  gnuplot_append_quoted(plot->commands, format->str);
  plot_append_real(plot->commands, at);
}

void
plot_end_block(Plot *plot)
{
  g_string_append(plot->data, "\n\n");
  plot->blocks++;
}

void
plot_append_curve(Plot *plot, guint block, const char *style, const char *title)
{
  const char *last = strrchr(plot->commands->str, '\n');
  gboolean first = last == NULL || !g_str_has_prefix(last + 1, "plot ");

  g_string_append_printf(plot->commands, "%s 'data' index %u %s ", first ? "plot" : ",", block,
                         style);
  if (title != NULL) {
    g_string_append(plot->commands, "title ");
    gnuplot_append_quoted(plot->commands, title);
  } else {
    g_string_append(plot->commands, "notitle");
  }
}
