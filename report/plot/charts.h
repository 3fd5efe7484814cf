/* What each chart tells gnuplot. */
#pragma once

#include "plot.h"

typedef struct {
  Stored *stored;
  const PlotRequest *request;
  GString *commands; /* ends with a plot command */
  GString *data;     /* blocks, two empty lines between them */
  guint blocks;      /* so far */
  guint height;      /* that it needs, in lines of text or pixels; 0: any will do */
} Plot;

/* Each fills commands and data. FALSE without an error where there is nothing to draw. */
gboolean plot_throughput(Plot *plot, GError **error);
gboolean plot_kv(Plot *plot, GError **error);
gboolean plot_queue(Plot *plot, GError **error);
gboolean plot_ttft(Plot *plot, GError **error);
gboolean plot_tpot(Plot *plot, GError **error);
gboolean plot_e2e(Plot *plot, GError **error);
gboolean plot_overhead(Plot *plot, GError **error);
gboolean plot_victims(Plot *plot, GError **error);
gboolean plot_study(Plot *plot, GError **error);
gboolean plot_heat(Plot *plot, GError **error);

/* Runs that a picture has room for. */
#define PLOT_RUNS 8

/* Those that are drawn. */
guint plot_runs(const Plot *plot);
const StoredRun *plot_run(const Plot *plot, guint index);

/* Appends " %.9g", whatever the locale. */
void plot_append_real(GString *text, double value);
/* Appends a tic and where it is; gnuplot takes labels for formats. */
void plot_append_tic(Plot *plot, const char *label, double at);
/* Ends a block of the data. */
void plot_end_block(Plot *plot);
/* Appends ", 'data' index N" or "plot 'data' index N" and what follows. */
void plot_append_curve(Plot *plot, guint block, const char *style, const char *title);
