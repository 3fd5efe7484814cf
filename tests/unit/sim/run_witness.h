/* Watches a run of a random scenario: after each step blocks are conserved and time has moved on,
 * and each request is told once. What it saw is in digests, so that two runs can be compared.
 */
#pragma once

#include "kv_witness.h"
#include "random_case.h"
#include "sim/loop.h"
#include "sim/metrics.h"

/* What a run looked like, step by step: equal digests, equal runs. */
typedef struct {
  Observer observer; /* first */
  const RandomCase *test;
  guint64 digest; /* of the steps */
  guint64 requests_digest;
  gint64 end_ps;
  /* Of each instance, since the order of their steps is free. */
  guint64 digests[INSTANCES_MAX];
  gint64 ends_ps[INSTANCES_MAX];
  LoopInstance instances[INSTANCES_MAX];
  guint64 steps;
  guint64 tokens;
  guint64 preemptions;
  guint64 loads;            /* of native offload */
  guint64 copies;           /* beside the steps */
  guint64 to_disk, from_disk; /* of them */
  guint32 peak_gpu_blocks;  /* held by one instance */
  guint64 starved;          /* sequences that waited for one */
  guint64 at_once;          /* victims of which the host had all but a rest */
  const Workload *workload; /* with the arrivals of this run */
  gint64 *left_ps;          /* by request: when it left */
  guint32 *told;            /* by request */
  KvWitness *kv;            /* NULL where it cannot know */
  guint64 generated, victims_of_results;
  RunOutcome outcome;
  Summary summary;
} RunWitness;

/* The hooks of its observer. */
void run_witness_step(Observer *observer, const StepReport *report);
void run_witness_request(Observer *observer, const RequestResult *result);
