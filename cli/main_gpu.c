/* spillway-gpu: the verbs that use the GPU. It links CUDA, so spillway does not, and starts it. */
#include "calib/measure/cuda/bench_cuda.h"
#include "cli/calibrate/calibrate.h"
#include "live.h"
#include "cli/study/poster.h"
#include "program.h"
#include "cli/selfcheck/result.h"
#include "step_runner_gpu.h"
#include "sub_verb.h"

#include "kernels/without.h"

#include <string.h>

static BenchDevice *
open_bench(GError **error G_GNUC_UNUSED)
{
  return bench_cuda_new(&step_runner_gpu);
}

static int
command_calibrate_gpu(int argc, char **argv)
{
  return calibrate_verb(argc, argv, open_bench);
}

static int
command_live_gpu(int argc, char **argv)
{
  return live_verb(argc, argv, &live_device_gpu);
}

static int
command_validate_gpu(int argc, char **argv)
{
  return validate_verb(argc, argv, &live_device_gpu);
}

static int
command_poster_gpu(int argc, char **argv)
{
  return poster_verb(argc, argv, &live_device_gpu);
}

static int
command_study_gpu(int argc, char **argv)
{
  static const Command kinds[] = {
      {"poster", "repeat a study of recompute and swap when the KV cache overflows (SC 2024)",
       command_poster_gpu},
      {NULL, NULL, NULL},
  };
  static const VerbFamily family = {
      .verb = "study",
      .kinds = kinds,
      .expected = "poster",
      .summary = "Repeats a published study, computed on the GPU beside its simulation.",
      .examples = "  spillway study poster --live --device h100-sxm -o poster-live\n",
  };

  return verb_family_run(&family, argc, argv);
}

static int
command_selfcheck_gpu(int argc, char **argv)
{
  return selfcheck_verb(argc, argv, selfcheck_run);
}

static const Command gpu_commands[] = {
    {"calibrate", "measure this machine's GPU into a profile; resumable", command_calibrate_gpu},
    {"live", "replay a trace and compute every step on the GPU", command_live_gpu},
    {"validate", "compare a simulation with the same scenario computed on the GPU",
     command_validate_gpu},
    {"study", "repeat a published study on the GPU", command_study_gpu},
    {"selfcheck", "check every kernel against its reference, and time it", command_selfcheck_gpu},
    {NULL, NULL, NULL},
};

static const Program spillway_gpu = {
    .name = "spillway-gpu",
    .about = "The part of spillway that runs on a GPU; 'spillway VERB' starts it by itself.\n",
    .examples =
        "  spillway-gpu calibrate --model llama-2-7b -o h100.db\n"
        "  spillway-gpu live --model llama-2-7b --device h100-sxm --trace study-burst \\\n"
        "      --kv-memory 12% --scheduler vllm-0.6 --overflow swap --swap-space 32 -o live.db\n",
    .commands = gpu_commands,
};

int
main(int argc, char **argv)
{
  const char *unknown = kernels_without_unknown();

  if (unknown != NULL) {
    g_printerr("spillway-gpu: " KERNELS_WITHOUT
               ": found '%.*s', expected some of " KERNELS_WITHOUT_NAMES "\n",
               (int)strcspn(unknown, ","), unknown);
    return CLI_USAGE;
  }
  return program_main(&spillway_gpu, argc, argv);
}
