/* Names and numbers are those of NVML's API, which its documentation gives and which have not
 * changed since driver 450; functions that a driver lacks are done without.
 */
#include "config.h"

#include "nvml.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

enum { NVML_SUCCESS = 0, NVML_INSUFFICIENT_SIZE = 7 };
enum { NVML_CLOCK_SM = 1, NVML_CLOCK_MEMORY = 2 };
enum { NVML_TEMPERATURE_GPU = 0 };
enum { PROCESSES_MOST = 64 };

/* Reasons for lower clocks. The general hardware slowdown is set along with the particular ones. */
enum {
  REASON_POWER_CAP = 0x4,
  REASON_HARDWARE = 0x8,
  REASON_HEAT = 0x20,
  REASON_HARDWARE_HEAT = 0x40,
  REASON_POWER_BRAKE = 0x80,
};

typedef struct {
  unsigned pid;
  unsigned long long used_bytes;
  unsigned gpu_instance, compute_instance;
} NvmlProcess;

typedef void *NvmlDevice;

struct Nvml {
  void *library;
  NvmlDevice device;
  char driver[80];
  int (*init)(void);
  int (*shutdown)(void);
  int (*find)(const char *bus, NvmlDevice *device);
  int (*driver_version)(char *version, unsigned length);
  int (*clock)(NvmlDevice device, int which, unsigned *mhz);
  int (*temperature)(NvmlDevice device, int sensor, unsigned *celsius);
  int (*reasons)(NvmlDevice device, unsigned long long *reasons);
  int (*processes)(NvmlDevice device, unsigned *count, NvmlProcess *processes);
  int (*process_name)(unsigned pid, char *name, unsigned length);
};

static void
load(Nvml *nvml)
{
  const struct {
    const char *name;
    void **function;
  } functions[] = {
      {"nvmlInit_v2", (void **)&nvml->init},
      {"nvmlShutdown", (void **)&nvml->shutdown},
      {"nvmlDeviceGetHandleByPciBusId_v2", (void **)&nvml->find},
      {"nvmlSystemGetDriverVersion", (void **)&nvml->driver_version},
      {"nvmlDeviceGetClockInfo", (void **)&nvml->clock},
      {"nvmlDeviceGetTemperature", (void **)&nvml->temperature},
      {"nvmlDeviceGetCurrentClocksEventReasons", (void **)&nvml->reasons},
      {"nvmlDeviceGetComputeRunningProcesses_v3", (void **)&nvml->processes},
      {"nvmlSystemGetProcessName", (void **)&nvml->process_name},
  };

  for (guint i = 0; i < G_N_ELEMENTS(functions); i++)
    *functions[i].function = dlsym(nvml->library, functions[i].name);
  if (nvml->reasons == NULL) /* its name before driver 535 */
    *(void **)&nvml->reasons = dlsym(nvml->library, "nvmlDeviceGetCurrentClocksThrottleReasons");
}

Nvml *
nvml_open(const char *library, const char *bus)
{
  Nvml *nvml = g_new0(Nvml, 1);

  nvml->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (nvml->library != NULL)
    load(nvml);
  if (nvml->init == NULL || nvml->shutdown == NULL || nvml->find == NULL ||
      nvml->init() != NVML_SUCCESS) {
    if (nvml->library != NULL)
      dlclose(nvml->library);
    g_free(nvml);
    return NULL;
  }
  if (nvml->find(bus, &nvml->device) != NVML_SUCCESS) {
    nvml_close(nvml);
    return NULL;
  }
  if (nvml->driver_version == NULL ||
      nvml->driver_version(nvml->driver, sizeof nvml->driver) != NVML_SUCCESS)
    nvml->driver[0] = '\0';
  return nvml;
}

void
nvml_close(Nvml *nvml)
{
  if (nvml == NULL)
    return;
  nvml->shutdown();
  dlclose(nvml->library);
  g_free(nvml);
}

const char *
nvml_driver(const Nvml *nvml)
{
  return nvml->driver;
}

static guint32
clock_mhz(const Nvml *nvml, int which)
{
  unsigned mhz = 0;

  if (nvml->clock == NULL || nvml->clock(nvml->device, which, &mhz) != NVML_SUCCESS)
    return 0;
  return mhz;
}

static guint32
throttle_of(unsigned long long reasons)
{
  guint32 throttle = 0;

  if (reasons & REASON_POWER_CAP)
    throttle |= BENCH_THROTTLE_POWER;
  if (reasons & (REASON_HEAT | REASON_HARDWARE_HEAT))
    throttle |= BENCH_THROTTLE_HEAT;
  if ((reasons & REASON_POWER_BRAKE) ||
      ((reasons & REASON_HARDWARE) && !(reasons & REASON_HARDWARE_HEAT)))
    throttle |= BENCH_THROTTLE_HARDWARE;
  return throttle;
}

static void
name_process(const Nvml *nvml, unsigned pid, char *text, gsize length)
{
  char name[256] = "";
  const char *base;

  if (nvml->process_name == NULL || nvml->process_name(pid, name, sizeof name) != NVML_SUCCESS ||
      *name == '\0') {
    g_snprintf(text, (gulong)length, "%u", pid);
    return;
  }
  base = strrchr(name, '/');
  g_snprintf(text, (gulong)length, "%u (%s)", pid, base != NULL ? base + 1 : name);
}

/* One of them is this process, which has the card open; in a container it may be listed under a
 * number of another name space. */
static void
find_others(const Nvml *nvml, BenchHealth *health)
{
  NvmlProcess processes[PROCESSES_MOST];
  unsigned count = PROCESSES_MOST;
  int status = nvml->processes != NULL ? nvml->processes(nvml->device, &count, processes) : -1;

  if ((status != NVML_SUCCESS && status != NVML_INSUFFICIENT_SIZE) || count <= 1)
    return;
  health->n_others = count - 1;
  for (unsigned i = 0; status == NVML_SUCCESS && i < count && *health->others == '\0'; i++)
    if (processes[i].pid != (unsigned)getpid())
      name_process(nvml, processes[i].pid, health->others, sizeof health->others);
}

void
nvml_health(const Nvml *nvml, BenchHealth *health)
{
  unsigned celsius = 0;
  unsigned long long reasons = 0;

  health->sm_mhz = clock_mhz(nvml, NVML_CLOCK_SM);
  health->memory_mhz = clock_mhz(nvml, NVML_CLOCK_MEMORY);
  if (nvml->temperature != NULL &&
      nvml->temperature(nvml->device, NVML_TEMPERATURE_GPU, &celsius) == NVML_SUCCESS)
    health->temperature_c = (gint32)celsius;
  if (nvml->reasons != NULL && nvml->reasons(nvml->device, &reasons) == NVML_SUCCESS)
    health->throttle = throttle_of(reasons);
  find_others(nvml, health);
}
