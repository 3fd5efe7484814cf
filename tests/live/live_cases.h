/* Random scenarios that are computed, shared by the tests of the CPU's device and of the GPU's. */
#pragma once

#include "live/executor_live.h"
#include "sim/loop.h"

typedef struct {
  DecoderConfig *decoder;
  WeightLayout *layout;
  WeightSource *weights;
} TestModel;

typedef struct {
  guint32 seed;
  const TestModel *model;
  const SchedulerClass *class;
  SchedulerConfig config;
  KvForm kv_form;
  gint64 copy_ns; /* of the device's setup */
  gboolean by_layer; /* copies within a step are made layer by layer */
  Workload *workload;
  CostModel cost; /* for policies that ask */
} LiveCase;

/* What became of a run. */
typedef struct {
  Observer observer;  /* first */
  guint32 *finished;  /* tokens that each request got; 0: it did not finish */
  GPtrArray *outputs; /* of GArray of gint32 */
  RunOutcome outcome;
  guint64 swapped_blocks, hit_tokens, recomputed_tokens;
  guint split, partial, shed; /* how often */
  guint ahead, starved;
  guint64 beside[COPY_DIRECTIONS]; /* blocks, beside the steps */
} LiveResult;

/* Seeds of everything that is made up. */
enum { LIVE_WEIGHTS_SEED = 7, LIVE_TOKENS_SEED = 3, LIVE_SAMPLING_SEED = 5 };

/* tests/models/NAME.json with random weights. */
TestModel test_model_open(const char *name);
void test_model_close(TestModel *model);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(TestModel, test_model_close)

/* Pools so small that most scenarios overflow; a length limit beyond every request, so that none is
 * cut. One of the models. The workload is the caller's. */
void live_case_make(LiveCase *c, const TestModel *models, guint n_models, guint32 seed);
/* For a device that makes copies within a step alone. */
void live_case_copy_within_steps(LiveCase *c);
/* What to open a device for it with. */
DeviceSetup live_case_setup(const LiveCase *c);
/* Runs it on that device; `class` is the executor's. */
void live_case_run(const LiveCase *c, LiveDevice *device, const ExecutorClass *class,
                   LiveResult *result);
void live_result_clear(LiveResult *result);
