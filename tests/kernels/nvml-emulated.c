/* What the management library says of the card: clocks, what holds them down, and who else is on it. */
#include "calib/measure/bench.h"
#include "calib/measure/cuda/nvml.h"

#include <string.h>
#include <unistd.h>

/* The management library is this program itself. */
#define EXPORTED __attribute__((visibility("default")))
EXPORTED int nvmlInit_v2(void);
EXPORTED int nvmlShutdown(void);
EXPORTED int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device);
EXPORTED int nvmlSystemGetDriverVersion(char *version, unsigned length);
EXPORTED int nvmlDeviceGetClockInfo(void *device, int which, unsigned *mhz);
EXPORTED int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *celsius);
EXPORTED int nvmlDeviceGetCurrentClocksThrottleReasons(void *device, unsigned long long *reasons);
EXPORTED int nvmlDeviceGetComputeRunningProcesses_v3(void *device, unsigned *count, void *infos);
EXPORTED int nvmlSystemGetProcessName(unsigned pid, char *name, unsigned length);

static int nvml_opened;
static unsigned long long nvml_reasons;
static unsigned nvml_others;

int
nvmlInit_v2(void)
{
  nvml_opened++;
  return 0;
}

int
nvmlShutdown(void)
{
  nvml_opened--;
  return 0;
}

int
nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device)
{
  *device = &nvml_opened;
  return strcmp(bus, "0000:00:00.0") == 0 ? 0 : 6;
}

int
nvmlSystemGetDriverVersion(char *version, unsigned length)
{
  return g_strlcpy(version, "580.65", length) < length ? 0 : 7;
}

int
nvmlDeviceGetClockInfo(void *device G_GNUC_UNUSED, int which, unsigned *mhz)
{
  *mhz = which == 1 ? 1980 : 2619;
  return 0;
}

int
nvmlDeviceGetTemperature(void *device G_GNUC_UNUSED, int sensor G_GNUC_UNUSED, unsigned *celsius)
{
  *celsius = 47;
  return 0;
}

int
nvmlDeviceGetCurrentClocksThrottleReasons(void *device G_GNUC_UNUSED, unsigned long long *reasons)
{
  *reasons = nvml_reasons;
  return 0;
}

int
nvmlDeviceGetComputeRunningProcesses_v3(void *device G_GNUC_UNUSED, unsigned *count, void *infos)
{
  struct {
    unsigned pid;
    unsigned long long used;
    unsigned instances[2];
  } *processes = infos;

  if (*count < nvml_others + 1)
    return 7;
  *count = nvml_others + 1;
  for (unsigned i = 0; i < nvml_others; i++)
    processes[i].pid = 4711;
  processes[nvml_others].pid = (unsigned)getpid();
  return 0;
}

int
nvmlSystemGetProcessName(unsigned pid, char *name, unsigned length)
{
  g_assert_cmpuint(pid, ==, 4711);
  g_strlcpy(name, "/usr/bin/python3", length);
  return 0;
}

static void
test_nvml(void)
{
  static const struct {
    unsigned long long reasons;
    guint32 throttle;
  } throttles[] = {{0x1 | 0x2, 0},
                   {0x4, BENCH_THROTTLE_POWER},
                   {0x20, BENCH_THROTTLE_HEAT},
                   {0x48, BENCH_THROTTLE_HEAT},
                   {0x88, BENCH_THROTTLE_HARDWARE},
                   {0x8, BENCH_THROTTLE_HARDWARE}};
  Nvml *nvml = nvml_open(NULL, "0000:00:00.0");
  BenchHealth health = {0};

  g_assert_null(nvml_open("libno-such-library.so.1", "0000:00:00.0"));
  g_assert_null(nvml_open(NULL, "elsewhere"));
  g_assert_nonnull(nvml);
  g_assert_cmpint(nvml_opened, ==, 1);
  g_assert_cmpstr(nvml_driver(nvml), ==, "580.65");
  for (guint i = 0; i < G_N_ELEMENTS(throttles); i++) {
    nvml_reasons = throttles[i].reasons;
    health = (BenchHealth){0};
    nvml_health(nvml, &health);
    g_assert_cmpuint(health.throttle, ==, throttles[i].throttle);
  }
  g_assert_cmpuint(health.sm_mhz, ==, 1980);
  g_assert_cmpuint(health.memory_mhz, ==, 2619);
  g_assert_cmpint(health.temperature_c, ==, 47);
  g_assert_cmpuint(health.n_others, ==, 0);
  nvml_others = 2;
  nvml_health(nvml, &health);
  g_assert_cmpuint(health.n_others, ==, 2);
  g_assert_cmpstr(health.others, ==, "4711 (python3)");
  nvml_close(nvml);
  g_assert_cmpint(nvml_opened, ==, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/nvml/card", test_nvml);
  return g_test_run();
}
