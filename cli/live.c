/* spillway live: as run, but every step is computed. */
#include "live.h"

#include "cli.h"
#include "gpu.h"
#include "run_options.h"
#include "scenario/run/live_setup.h"

#define SUMMARY                                                                                    \
  "Runs a trace through an engine's scheduler and computes every step: on the GPU, or with\n"      \
  "--executor cpu a small model on the CPU. Takes run's options."

#define EXAMPLES                                                                                   \
  "Examples:\n"                                                                                    \
  "  spillway live --model llama-2-7b --device h100-sxm --trace study-burst --kv-memory 12% \\\n"  \
  "      --scheduler vllm-0.6 --overflow swap --swap-space 32 -o live.db\n"                        \
  "  spillway live --executor cpu --model tiny/config.json --trace gen:--requests=20 \\\n"         \
  "      --num-gpu-blocks 200 --overflow swap --output-token-ids tokens.jsonl\n"                   \
  "\n"                                                                                             \
  "Exit status: 0 done; 1 the engine died, was stuck or in a livelock, or the device failed "      \
  "(the\n"                                                                                         \
  "summary of what came before is printed); 2 the command line or a file is wrong."

gboolean
live_gpu_is_there(const LiveDeviceClass *gpu, const char *verb, int *status)
{
  g_autoptr(GError) error = NULL;

  if (gpu->probe(&error))
    return TRUE;
  *status = cli_error(CLI_FAILED, verb, "%s", error->message);
  return FALSE;
}

gboolean
live_choose(Settings *settings, const char *verb, char **words, const LiveDeviceClass *gpu,
            int *status)
{
  if (g_strcmp0(settings->executor, "cpu") == 0)
    return TRUE;
  if (settings->executor != NULL && !g_str_equal(settings->executor, "gpu")) {
    *status = cli_error(CLI_USAGE, verb,
                        "--executor: found '%s', expected gpu or cpu, which compute; run takes "
                        "others",
                        settings->executor);
    return FALSE;
  }
  if (settings->dry_run) { /* needs no GPU */
    g_autofree char *origin = g_strconcat("spillway ", verb, NULL);
    if (settings->executor == NULL && settings_set(settings, "executor", "gpu", NULL))
      settings_set_origin(settings, "executor", g_intern_string(origin));
    return TRUE;
  }
  if (gpu == NULL) {
    *status = gpu_run(words);
    return FALSE;
  }
  settings_set(settings, "executor", "gpu", NULL);
  if (!live_gpu_is_there(gpu, verb, status))
    return FALSE;
  live_setup_name_kernels(settings, gpu);
  return TRUE;
}

int
live_verb(int argc, char **argv, const LiveDeviceClass *gpu)
{
  g_autoptr(Settings) settings = settings_new();
  g_auto(GStrv) words = g_strdupv(argv);
  int status = CLI_DONE;

  if (!settings_parse(settings, "live", SUMMARY, EXAMPLES, &argc, &argv, &status) ||
      !live_choose(settings, "live", words, gpu, &status))
    return status;
  return run_settings(settings, "live", gpu);
}

int
command_live(int argc, char **argv)
{
  return live_verb(argc, argv, NULL);
}
