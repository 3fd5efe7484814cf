/* A host: what the machine around the cards takes for a step, by engine.
 *
 * Read from a key file (calib/hosts/NAME.ini): [host] with `format=1` and a `title`, and a group
 * [host.SCHEDULER] each. Its figures are a machine's and not a card's: two published runs of one
 * engine version differ by 1.00 ms a step. `tables` and `tables_device` say which published tables
 * were measured on the machine: the importer's name and the device's. `unknown` is the host that is
 * taken where none is named; it says between what its figures may lie (`step_least_us`,
 * `step_most_us`, …). A device's file may have the groups as well, where card and host are one
 * machine's.
 */
#pragma once

#include "device.h"

#define HOST_FORMAT 1
#define HOST_UNKNOWN "unknown"
#define HOST_SOURCE "file of the host" /* how host_source() begins */

typedef enum { HOST_VLLM_V1, HOST_VLLM_0_6, HOST_VLLM_0_5, HOST_SCHEDULERS } HostScheduler;

/* What a step costs the host beyond what overlaps with the device. */
typedef struct {
  double step_ps;
  double sequence_ps; /* more for each sequence in the step */
  double eager_ps;    /* more for a step of more tokens than the captured graphs hold */
  /* Of each layer whose attention is launched between two captured graphs, where graphs are
   * captured in pieces (vLLM's cudagraph_mode PIECEWISE). */
  double piece_ps;
  /* Of each layer that mixes tokens, and of one of latent attention, in a step of which nothing is
   * captured: the time in which its kernels are launched, one by one. The step takes no less. */
  double launch_ps, latent_launch_ps;
  /* What it does for a step in all: beside the device where scheduling is asynchronous, so that the
   * longer of the two counts; else before and after it, instead of the above. 0: not told apart. */
  double work_ps, work_sequence_ps;
  /* The API front end, before the scheduler knows of a request (sim/clients/front_end.h): of each
   * request, and of each token of its prompt. 0: not told, or not in what was measured on that
   * host. */
  double api_request_ps, api_token_ps;
  /* Between what these lie on hosts that are known; both 0: not told. */
  double step_least_ps, step_most_ps;
  double sequence_least_ps, sequence_most_ps;
  double eager_least_ps, eager_most_ps;
  double piece_least_ps, piece_most_ps;
  double launch_least_ps, launch_most_ps;
  double api_token_least_ps, api_token_most_ps;
} HostCost;

typedef struct {
  char *name;  /* as --host has it, or the device whose file has it */
  char *title; /* "the machine of …" */
  HostCost costs[HOST_SCHEDULERS];
  FigureFile *file; /* what it was read from, for the sources */
} Host;

/* The caller frees the host. `name` is what it will be called. */
Host *host_read(const char *path, const char *name, GError **error);
/* The one in a device's file; NULL without an error if it has none. */
Host *host_of_device(const Device *device, GError **error);
void host_free(Host *host);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Host, host_free)

/* Nobody named another. */
gboolean host_is_unknown(const Host *host);

/* Where the step's time under that scheduler is from. The caller frees it. */
char *host_source(const Host *host, HostScheduler scheduler);

/* "vllm-v1", "vllm-0.6", "vllm-0.5"; FALSE if it is none of them. */
gboolean host_scheduler_from_name(const char *name, HostScheduler *scheduler);
const char *host_scheduler_name(HostScheduler scheduler);
