/* How the card fares, from the driver's management library, which is loaded if it is there:
 * spillway-gpu does not depend on it.
 */
#pragma once

#include "calib/measure/bench.h"

typedef struct Nvml Nvml;

/* library: "libnvidia-ml.so.1"; NULL: this program itself, as a test is. bus: the card, as
 * cudaDeviceGetPCIBusId() names it. NULL where there is no such library, or it does not know the
 * card. */
Nvml *nvml_open(const char *library, const char *bus);
void nvml_close(Nvml *nvml);

/* The driver's version, "" where it is not told. */
const char *nvml_driver(const Nvml *nvml);
/* What is not told stays 0. This process is none of the others. */
void nvml_health(const Nvml *nvml, BenchHealth *health);
