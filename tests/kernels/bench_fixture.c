#include "tests/kernels/bench_fixture.h"

#include "calib/measure/cuda/bench_cuda.h"
#include "cli/step_runner_gpu.h"
#include "tests/emulator/card.h"
#include "tests/emulator/faults.h"

static const EmulatedCard whole_card = {
    .driver_version = 13000,
    .num_devices = 1,
    .capability = 90,
    .l2_bytes = 1 << 14,
    .num_turns = 4,
};

void
bench_fixture_use_whole_card(void)
{
  emulated_card = whole_card;
  emulator_set_memory(64 * MIB, 9 * MIB);
}

BenchDevice *
bench_fixture_open(BenchIdentity *identity)
{
  BenchDevice *bench = bench_cuda_new(&step_runner_gpu);
  g_autoptr(GError) error = NULL;

  bench_identify(bench, identity, &error);
  g_assert_no_error(error);
  return bench;
}

Model *
bench_fixture_model(const char *name)
{
  g_autofree char *file = g_strconcat(name, ".json", NULL);
  g_autofree char *path = g_build_filename(SPILLWAY_SRCDIR, "tests", "models", file, NULL);
  g_autoptr(GError) error = NULL;
  Model *model = model_config_read(path, name, &error);

  g_assert_no_error(error);
  return model;
}
