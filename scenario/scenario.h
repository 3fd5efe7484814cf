/* A scenario: settings with every name looked up, every default filled in and every size resolved.
 *
 * Settings that make no scenario are an error, for exit status 2. Choices that a real server would
 * not allow but that can be simulated are noted on standard error.
 */
#pragma once

#include <jansson.h>

#include "calib/cost/copy_path.h"
#include "calib/devices/disk_figures.h"
#include "calib/devices/host.h"
#include "calib/profile.h"
#include "models/decoder_config.h"
#include "report/results/recording.h"
#include "settings.h"
#include "shelf.h"
#include "sim/clients/client.h"
#include "sim/executor.h"
#include "sim/clients/front_end.h"
#include "sim/model.h"
#include "sim/policies/router.h"
#include "sim/scheduler.h"
#include "slo.h"
#include "scenario/workload/workload_source.h"

typedef struct {
  guint32 max_concurrency;    /* 0: no limit */
  guint32 instances;          /* servers behind the router */
  guint32 data_parallel_size; /* engines of each, with queues and pools of their own */
  const RouterPolicy *router; /* which server gets a request or, if there is one, which engine */
  PolicyValues router_options;
  guint64 router_seed;
  gint64 router_interval_ps;    /* from one publication of loads to the next; 0: always current */
  guint32 tensor_parallel_size; /* devices of each */
  guint32 sharing_engines;      /* engines that share the experts of one model; 1: none do */
  guint32 expert_groups;        /* of their devices, over which the experts are distributed */
  Slo slo;
  const SchedulerClass *scheduler;
  const ExecutorClass *executor;
  SchedulerConfig config;
  Model *model;      /* NULL: none was given, which the unit executor allows */
  Device *device;    /* likewise */
  Host *host;        /* NULL: no cost is needed */
  DiskFigures *disk; /* NULL: there is none, or no cost is needed */
  Profile *profile;  /* NULL: a device alone was named; costs are its roofline's */
  const char
      *profile_digest; /* the shelf's, which owns the profile, too; NULL: the scenario does */
  const char *one_group_reason; /* why the pool's blocks are of all layers, static; NULL: they are
                                   of groups of layers, or there is no model */
  gboolean one_pool_is_real;    /* and SGLang has it so */
  CostModel *cost;              /* NULL: the executor needs none, or none was asked for */
  FrontEnd front_end;           /* before the engine; empty where no cost is needed */
  CopyPath copy_path;
  guint32 copy_stages; /* of a step that copies layer by layer (CostModel.copy_stages), else 0 */
  gboolean eager;      /* nothing is captured */
  gboolean graphs_in_pieces;
  gboolean launched_prompts; /* kernels of steps with prompts are launched one by one */
  HostMemory host_memory;
  guint64 block_bytes;             /* of a KV block on a card; 0 without a model */
  guint64 disk_block_bytes;        /* on the disk, of all cards that share it; likewise */
  const char *kv_cache_dtype;      /* that the engine chooses for the model; NULL: as typed */
  double mem_fraction_static;      /* SGLang's, where it sized the pool; else 0 */
  guint32 state_slots;             /* recurrent states beside SGLang's KV, likewise */
  guint32 windowed_layers;         /* of the model, that have SGLang's window pool; 0: none has */
  double free_gpu_memory_fraction; /* TensorRT-LLM's, likewise */
  DecoderConfig *decoder;          /* NULL where nothing is computed */
  Recording *recording;            /* NULL where nothing is replayed */
  GPtrArray *doubts; /* of char *: figures of its device's file or disk that are hardly right */
  json_t *defaults;  /* setting that was not typed → where its value is from */
  double gpu_memory_utilization; /* of the device's memory, where the pool is sized by it */
  json_t *settings;              /* every resolved setting, for the results */
} Scenario;

/* Engines of all servers. */
static inline guint32
scenario_engines(const Scenario *scenario)
{
  return scenario->instances * scenario->data_parallel_size;
}

/* NULL with an error if the settings make none. quiet: without the notes, which were printed for
 * another policy of the same comparison. */
Scenario *scenario_new(const Settings *settings, const char *verb, gboolean quiet, GError **error);
/* Notes the doubts that none of `told` (of Scenario) has: of a comparison's scenario that was
 * resolved quietly, where only some policies have a disk. */
void scenario_tell_doubts(const Scenario *scenario, const GPtrArray *told, const char *verb);
/* The same without notes, one of many: doubts and what is assumed are left on the shelf, for
 * shelf_tell_notes(). The shelf owns what is read from files and must outlive it. with_cost: FALSE
 * for the settings alone. */
Scenario *scenario_new_shared(const Settings *settings, Shelf *shelf, gboolean with_cost,
                              GError **error);
/* FALSE with an error for an executor that computes or replays, which `compare` and studies do not
 * run. */
gboolean scenario_runs_among_others(const Scenario *scenario, GError **error);
/* The client that sends the requests of *workload. A client that sets arrivals needs a copy of it:
 * then *workload and *own are that copy, and the caller owns *own. Otherwise *own stays. */
Client *scenario_client_new(const Scenario *scenario, const Workload **workload, Workload **own);
void scenario_free(Scenario *scenario);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Scenario, scenario_free)
