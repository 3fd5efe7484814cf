/* A report's charts as pictures for papers, and as characters for a terminal; gnuplot draws. */
#pragma once

#include "gnuplot.h"
#include "report/stored/stored.h"

typedef struct {
  const char *name;  /* of the chart and, in a folder, of its file without an ending */
  const char *title; /* a line of help */
} PlotChart;

/* All charts, ended by a NULL name. */
const PlotChart *plot_charts(void);

typedef struct {
  const char *chart;  /* a name of plot_charts() */
  const char *figure; /* of the study's charts: a key such as "ttft_s.p99" */
  GnuplotFormat format;
  guint width, height; /* as GnuplotDrawing has them; 0: a picture's usual size */
  const char *out;     /* NULL: standard output, of GNUPLOT_TEXT only */
} PlotRequest;

/* FALSE with *empty set and no error where these runs have nothing for the chart. */
gboolean plot_chart(Stored *stored, const PlotRequest *request, gboolean *empty, GError **error);

/* Every chart that is not empty, `*drawn` of them, each FOLDER/NAME.FORMAT; the folder is made. */
gboolean plot_folder(Stored *stored, GnuplotFormat format, const char *figure, const char *folder,
                     guint *drawn, GError **error);
