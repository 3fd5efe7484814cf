/* What a report's page shows, as one JSON object: the page's script draws it and adds nothing. */
#pragma once

#include <jansson.h>

#include "report/stored/stored.h"

/* Runs whose course, latencies and victims are told; of the others only the figures are. */
#define PAGE_DETAILED_RUNS 8

json_t *page_data(Stored *stored, GError **error);

/* The parts that are one run's own: series, marks, latencies, victims. Sets members of `run`. */
gboolean page_run_detail(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error);

/* The study's grid, or null where there is none. */
json_t *page_grid(const Stored *stored);

/* A real as JSON, null for NAN and infinities. */
json_t *page_real(double value);
