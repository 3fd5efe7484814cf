/* The map of policies: under which traffic, memory, link, model and engine which policy is best.
 *
 * A point is a place on the map: an engine, a model, a link's speed, traffic and a pool. At each
 * the engine's own policies run, and then every other overflow, victim and admission policy in its
 * place, one at a time, with the same random numbers: so a gain is a difference of pairs, one a
 * seed. Pools are named by pressure: what the traffic would hold at its peak with memory for all,
 * by what the pool has.
 */
#pragma once

#include "report/results/map_figures.h"
#include "scenario/settings.h"
#include "scenario/shelf.h"
#include "sim/policies/policy.h"

/* How many requests a server with memory for all has under way at the rate of generated traffic. */
#define MAP_IN_FLIGHT 32

/* What is asked for. Lists are texts as they were typed, NULL-terminated. */
typedef struct {
  char *device;
  char **engines; /* "vllm", "vllm-0.6", "vllm:uncached" (without prefix caching) */
  char **models;  /* "llama-3.1-8b", "llama-3.1-8b:fp8" (its KV cache's type) */
  GArray *links;  /* of double: times the device's speed */
  GArray *pressures, *prompts, *outputs; /* of double */
  char **traces;                         /* files or shipped names */
  guint n_requests, n_seeds;
} MapRequest;

/* Generated requests of these lengths, or a trace's. */
typedef struct {
  const char *trace;                   /* NULL: generated */
  double prompt_tokens, output_tokens; /* means, of a generated one */
} MapTraffic;

/* What the traffic comes to for a model, with memory for all. */
typedef struct {
  double rate;            /* requests a second, of generated ones */
  guint64 n_requests;     /* that there are; a trace's may be too long to be served */
  guint64 peak_blocks;    /* that it holds at once */
  guint64 largest_blocks; /* of its largest request */
  char *refused;          /* why it cannot be run, or NULL */
} MapDemand;

typedef struct {
  guint engine, model, link, traffic, pressure; /* places in the lists */
  char *refused;                                /* why it cannot be run, or NULL */
} MapPoint;

/* The engine's own policies (policy NULL), or these with one in the place of its own. */
typedef struct {
  PolicyKindIndex kind;
  const Policy *policy;
} MapChoice;

#define MAP_BLOCK_TOKENS 16

typedef enum {
  MAP_UNKNOWN, /* not run yet */
  MAP_DONE,
  MAP_ENDED, /* the run ended badly, or other requests were served than by the engine's own */
  MAP_LACKED /* the engine cannot have this policy */
} MapState;

typedef struct {
  MapState state;
  double figures[MAP_FIGURES];
} MapRun;

typedef struct {
  const MapRequest *request;
  Shelf *shelf;
  GArray *traffic; /* of MapTraffic: generated first, then traces */
  GArray *demands; /* of MapDemand: model after model, of each every traffic */
  GArray *points;  /* of MapPoint */
  GArray *choices; /* of MapChoice: the engine's own first */
  GArray *runs;    /* of MapRun: point after point, of each every seed, of each every choice */
} PolicyMap;

/* Resolves what is asked for, and runs what says how much memory and which rates that is (a run or
 * two a model and traffic). An error where the request is at fault. */
PolicyMap *policy_map_new(const MapRequest *request, Shelf *shelf, GError **error);
void policy_map_free(PolicyMap *map);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PolicyMap, policy_map_free)

guint policy_map_seeds(const PolicyMap *map, const MapPoint *point); /* a trace has one */
MapRun *policy_map_run(const PolicyMap *map, guint point, guint seed, guint choice);
const MapTraffic *policy_map_traffic(const PolicyMap *map, const MapPoint *point);
const MapDemand *policy_map_demand(const PolicyMap *map, const MapPoint *point);
double policy_map_value(const GArray *list, guint place);
guint64 policy_map_blocks(const PolicyMap *map, const MapPoint *point);
/* The settings of a run; NULL with an error where the engine has no such policy. Caller frees. */
Settings *policy_map_settings(const PolicyMap *map, const MapPoint *point, guint seed,
                              const MapChoice *choice, GError **error);
/* Of the engine of today with memory for all: generated traffic at that rate, or (0) MAP_IN_FLIGHT
 * requests at a time. Caller frees. */
Settings *policy_map_probe(const PolicyMap *map, guint model, const MapTraffic *traffic,
                           double rate, GError **error);
/* As a command line: what `spillway` is to be given. Caller frees. */
char *policy_map_command(const PolicyMap *map, const MapPoint *point, guint seed,
                         const MapChoice *choice);
