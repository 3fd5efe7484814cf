/* What an engine does by default: each version's batch sizes by card, as its own EngineArgs has
 * them, and the share of memory. */
#include "scenario/engine_defaults.h"
#include "tests/unit/calib/shipped_fixture.h"

static EngineDefaults
defaults(const char *scheduler, const char *name, gboolean offline)
{
  g_autoptr(Device) device = name != NULL ? shipped_device(name) : NULL;
  const EngineSetup setup = {scheduler_class_from_name(scheduler, NULL), device, offline};

  return engine_defaults_find(&setup);
}

static void
test_batches(void)
{
  static const struct {
    const char *scheduler, *card;
    guint32 serve, offline, seqs;
  } rows[] = {
      {"vllm-v1", "h100-sxm", 8192, 16384, 1024},
      {"vllm-v1", "h200", 8192, 16384, 1024},
      {"vllm-v1", "b200", 8192, 16384, 1024},
      {"vllm-v1", "a100-80gb", 2048, 8192, 256},
      {"vllm-v1", "a100-40gb", 2048, 8192, 256},
      {"vllm-v1", "rtx-4090", 2048, 8192, 256},
      {"vllm-v1", "rtx-pro-6000", 8192, 16384, 1024},
      {"vllm-v1", NULL, 2048, 8192, 256},
      {"vllm-0.8", "a100-80gb", 8192, 16384, 1024},
      {"vllm-0.8", "l40s", 2048, 8192, 256},
      {"vllm-0.9", "a100-80gb", 2048, 8192, 256},
      {"vllm-0.19", "h100-sxm", 8192, 16384, 1024},
      {"vllm-0.27", "b200", 8192, 16384, 1024},
      {"vllm-0.28", "b200", 16384, 16384, 1024},
      {"vllm-0.33", "h200", 8192, 16384, 1024},
      {"vllm", "mi300x", 16384, 16384, 1024},
      {"vllm", "l4", 2048, 8192, 256},
      {"vllm", "a100-80gb", 2048, 8192, 256},
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    EngineDefaults serve = defaults(rows[i].scheduler, rows[i].card, FALSE);
    EngineDefaults offline = defaults(rows[i].scheduler, rows[i].card, TRUE);
    g_test_message("%s on %s", rows[i].scheduler, rows[i].card);
    g_assert_cmpuint(serve.max_num_batched_tokens, ==, rows[i].serve);
    g_assert_cmpuint(offline.max_num_batched_tokens, ==, rows[i].offline);
    g_assert_cmpuint(serve.max_num_seqs, ==, rows[i].seqs);
    g_assert_cmpuint(offline.max_num_seqs, ==, rows[i].seqs);
  }
}

static void
test_utilization(void)
{
  static const struct {
    const char *scheduler;
    double utilization;
  } rows[] = {{"vllm-0.5", 0.9},  {"vllm-0.6", 0.9},   {"vllm-0.8", 0.9}, {"vllm-v1", 0.9},
              {"vllm-0.19", 0.9}, {"vllm-0.20", 0.92}, {"vllm", 0.92}};

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
    g_assert_cmpfloat(defaults(rows[i].scheduler, "h100-sxm", FALSE).gpu_memory_utilization, ==,
                      rows[i].utilization);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/defaults/batches", test_batches);
  g_test_add_func("/defaults/utilization", test_utilization);
  return g_test_run();
}
