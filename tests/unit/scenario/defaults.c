/* What an engine does by default: each version's batch sizes by card, as its own EngineArgs has
 * them, the share of memory, and blocks. */
#include "scenario/engine_defaults.h"
#include "tests/unit/calib/shipped_fixture.h"

static EngineDefaults
defaults(const char *scheduler, const char *name, gboolean offline)
{
  g_autoptr(Device) device = name != NULL ? shipped_device(name) : NULL;
  const EngineSetup setup = {.scheduler = scheduler_class_from_name(scheduler, NULL),
                             .device = device,
                             .offline = offline};

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

/* A model of latent attention (sparse: with an indexer; states: beside recurrent layers; plain: of
 * heads of 256 beside these), whose heads have `head` elements that are not rotated. */
static Model *
latent_model(const char *kind, guint32 head, guint32 kv_bits)
{
  Model *model = g_new0(Model, 1);
  Layer layer = {.count = 1,
                 .mixer = {.kind = g_str_equal(kind, "sparse") ? MIXER_SPARSE : MIXER_LATENT,
                           .latent_dim = 512,
                           .rope_dim = 64,
                           .head_dim = head + 64}};
  const Layer state = {.count = 1, .mixer = {.kind = MIXER_RECURRENT}};

  if (g_str_equal(kind, "plain"))
    layer.mixer = (Mixer){.kind = MIXER_FULL, .head_dim = 256};
  model->kv_bits = kv_bits;
  model->head_dim = layer.mixer.head_dim;
  model_add_layer(model, &layer);
  if (g_str_equal(kind, "states") || g_str_equal(kind, "plain"))
    model_add_layer(model, &state);
  return model;
}

/* Read in platforms/cuda.py, platforms/interface.py, models/config.py and the backends of each
 * version, and for "vllm-0.14" on H200 in logs ("Forcing kv cache block size to 64 for FlashMLA
 * backend."). */
static void
test_blocks(void)
{
  static const struct {
    const char *scheduler, *card, *kind;
    guint32 head, kv_bits, typed;
    guint32 block, replaced, alignment;
  } rows[] = {
      {"vllm-0.5", "h200", "latent", 128, 16, 0, 16, 0, 16},
      {"vllm-0.8", "h200", "latent", 128, 16, 0, 64, 0, 16},
      {"vllm-0.8", "b200", "latent", 128, 16, 0, 16, 0, 16},
      {"vllm-0.8", "a100-80gb", "latent", 128, 16, 0, 16, 0, 16},
      {"vllm-v1", "b200", "latent", 128, 16, 0, 128, 0, 16},
      {"vllm-v1", "b300", "latent", 128, 16, 0, 16, 0, 16},
      {"vllm-0.13", "b300", "latent", 128, 16, 0, 128, 0, 64},
      {"vllm-0.14", "h200", "latent", 128, 8, 0, 64, 0, 64},
      {"vllm-0.8", "h200", "latent", 128, 16, 128, 64, 128, 16},
      {"vllm-0.9", "h200", "latent", 128, 16, 64, 64, 0, 16},
      {"vllm-0.9", "a100-80gb", "latent", 128, 16, 128, 128, 0, 16},
      {"vllm-v1", "b200", "latent", 128, 16, 256, 128, 256, 16},
      {"vllm-0.11", "h200", "latent", 128, 16, 128, 64, 128, 64},
      {"vllm-0.11", "b200", "latent", 128, 16, 256, 128, 256, 64},
      {"vllm-0.11", "b200", "sparse", 128, 16, 128, 64, 128, 64},
      {"vllm-0.12", "h200", "latent", 128, 16, 128, 128, 0, 64},
      {"vllm-0.12", "b200", "latent", 128, 16, 64, 128, 64, 64},
      {"vllm-0.12", "h200", "sparse", 128, 16, 128, 64, 128, 64},
      {"vllm-0.17", "h200", "sparse", 128, 16, 128, 64, 128, 64},
      {"vllm-0.18", "h200", "sparse", 128, 16, 128, 128, 0, 64},
      {"vllm-0.15", "b200", "latent", 128, 16, 32, 32, 0, 64},
      {"vllm-0.15", "b200", "latent", 128, 16, 16, 64, 16, 64},
      {"vllm-0.15", "h200", "latent", 128, 16, 32, 64, 32, 64},
      {"vllm-0.14", "h200", "latent", 128, 16, 16, 64, 16, 64},
      {"vllm-0.14", "h200", "latent", 128, 16, 128, 128, 0, 64},
      {"vllm-0.15", "b200", "latent", 128, 16, 0, 64, 0, 64},
      {"vllm-0.17", "b200", "latent", 192, 16, 0, 128, 0, 64},
      {"vllm-0.17", "rtx-pro-6000", "latent", 128, 16, 0, 16, 0, 64},
      {"vllm-0.18", "h200", "latent", 128, 16, 0, 16, 0, 64},
      {"vllm-0.18", "h200", "latent", 128, 16, 32, 32, 0, 64},
      {"vllm-0.18", "h200", "latent", 128, 8, 0, 64, 0, 64},
      {"vllm-0.18", "b200", "latent", 192, 16, 0, 128, 0, 64},
      {"vllm-0.19", "b200", "latent", 192, 16, 0, 32, 0, 64},
      {"vllm", "b300", "latent", 128, 8, 0, 32, 0, 128},
      {"vllm", "b200", "latent", 256, 8, 0, 128, 0, 128},
      {"vllm", "mi300x", "latent", 128, 16, 0, 16, 0, 128},
      {"vllm", NULL, "latent", 128, 16, 0, 16, 0, 128},
      {"vllm-0.14", "b200", "sparse", 128, 16, 0, 64, 0, 64},
      {"vllm", "b200", "sparse", 128, 8, 0, 64, 0, 128},
      {"vllm-0.19", "h200", "states", 128, 16, 0, 16, 0, 64},
      {"vllm-0.20", "h200", "states", 128, 16, 0, 16, 0, 16},
      {"vllm-0.26", "b200", "states", 128, 16, 0, 32, 0, 32},
      {"vllm-0.27", "b200", "states", 128, 16, 0, 32, 0, 128},
      {"vllm-0.14", "b200", "plain", 0, 16, 0, 16, 0, 32},
      {"vllm-0.14", "h200", "plain", 0, 16, 0, 16, 0, 16},
      {"vllm-0.18", "b200", "plain", 0, 16, 0, 16, 0, 16},
      {"vllm-0.19", "h200", "plain", 0, 16, 64, 64, 0, 16},
      {"vllm-0.20", "h200", "plain", 0, 16, 64, 64, 0, 64},
      {"trtllm", "h200", "latent", 128, 16, 0, 64, 0, 16},
      {"trtllm", "h200", "latent", 128, 16, 32, 64, 32, 16},
      {"trtllm", "b200", "latent", 128, 16, 0, 32, 0, 16},
      {"trtllm", "h200", "plain", 0, 16, 0, 32, 0, 16},
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(Device) device = rows[i].card != NULL ? shipped_device(rows[i].card) : NULL;
    g_autoptr(Model) model = latent_model(rows[i].kind, rows[i].head, rows[i].kv_bits);
    const EngineSetup setup = {.scheduler = scheduler_class_from_name(rows[i].scheduler, NULL),
                               .device = device,
                               .model = model,
                               .block_size = rows[i].typed};
    EngineDefaults found = engine_defaults_find(&setup);
    g_test_message("%s on %s: %s, %u, %u bits, typed %u", rows[i].scheduler, rows[i].card,
                   rows[i].kind, rows[i].head, rows[i].kv_bits, rows[i].typed);
    g_assert_cmpuint(found.block_size, ==, rows[i].block);
    g_assert_cmpuint(found.replaced_block, ==, rows[i].replaced);
    g_assert_cmpuint(found.state_alignment, ==, rows[i].alignment);
  }
}

/* The list in py_executor_creator.py. */
static void
test_cached_context(void)
{
  static const struct {
    const char *scheduler, *card, *kind;
    gboolean lacks;
  } rows[] = {
      {"trtllm", "a100-80gb", "latent", TRUE}, {"trtllm", "l40s", "latent", TRUE},
      {"trtllm", "l40s", "sparse", TRUE},      {"trtllm", "a100-80gb", "plain", FALSE},
      {"trtllm", "h200", "latent", FALSE},     {"trtllm", "b200", "latent", FALSE},
      {"trtllm", "b300", "latent", FALSE},     {"trtllm", "rtx-pro-6000", "latent", FALSE},
      {"trtllm", "mi300x", "latent", FALSE},   {"trtllm", NULL, "latent", FALSE},
      {"vllm", "a100-80gb", "latent", FALSE},
  };

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(Device) device = rows[i].card != NULL ? shipped_device(rows[i].card) : NULL;
    g_autoptr(Model) model = latent_model(rows[i].kind, 128, 16);
    const EngineSetup setup = {.scheduler = scheduler_class_from_name(rows[i].scheduler, NULL),
                               .device = device,
                               .model = model};
    g_test_message("%s, %s, %s", rows[i].scheduler, rows[i].card, rows[i].kind);
    g_assert_cmpint(engine_defaults_find(&setup).lacks_cached_context, ==, rows[i].lacks);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/defaults/batches", test_batches);
  g_test_add_func("/defaults/utilization", test_utilization);
  g_test_add_func("/defaults/blocks", test_blocks);
  g_test_add_func("/defaults/cached-context", test_cached_context);
  return g_test_run();
}
