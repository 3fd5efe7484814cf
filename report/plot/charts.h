/* The charts, one a function. */
#pragma once

#include "script.h"

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
