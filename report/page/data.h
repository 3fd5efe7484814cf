/* What a report's page shows, as one JSON object: the page's script draws it and adds nothing. */
#pragma once

#include <jansson.h>

#include "report/stored/stored.h"

/* Runs whose course, latencies and victims are told; of the others only the figures are. */
#define PAGE_DETAILED_RUNS 12

json_t *page_data(Stored *stored, GError **error);
