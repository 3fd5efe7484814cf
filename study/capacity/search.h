/* The highest load at which a setting holds its limits: a search over runs.
 *
 * The load is a rate of requests, or how many are under way. All loads of a search have the same
 * random numbers: lengths are the same and arrivals are stretched, so what differs is the load. A
 * limit that holds at a load is taken to hold at every lower one.
 */
#pragma once

#include <jansson.h>

#include "scenario/shelf.h"
#include "scenario/slo.h"

typedef enum { SEARCH_RATE, SEARCH_CONCURRENCY } SearchKind;

/* "rate", "concurrency"; "requests / s", "requests". */
extern const char *const search_kinds[];
extern const char *const search_units[];

/* The search of one setting with one seed. settings: with everything but the load; the limits are
 * theirs. A new reference:
 *   {"low": L, "high": H, "limited_by": KEY, "figures": {KEY: value …},
 *    "trials": [{"load", "holds", "stopped", "values": [of each limit, or null] …} …]}
 * low holds and is null where not even the least load does; high, no more than 1 % above (or the
 * next whole number), does not, and is null where every load holds. figures are those at low (at
 * the least load where none holds). NULL with an error where a run cannot be done. */
json_t *capacity_search(const Settings *settings, SearchKind kind, Shelf *shelf, GError **error);
