/* What a chart tells gnuplot: its commands and its data. */
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

/* Appends " %.9g", whatever the locale. */
void plot_append_real(GString *text, double value);
/* Appends a tic and where it is; gnuplot takes labels for formats. */
void plot_append_tic(Plot *plot, const char *label, double at);
/* Ends a block of the data. */
void plot_end_block(Plot *plot);
/* Appends ", 'data' index N" or "plot 'data' index N" and what follows.
 * title: in the key; NULL: the curve is not in it. */
void plot_append_curve(Plot *plot, guint block, const char *style, const char *title);
