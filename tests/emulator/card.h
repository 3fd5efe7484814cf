/* What the emulated card is like, for tests that want another one (faults.h has its memory and its
 * end); and a clock of what it did. */
#pragma once

#include "cuda_runtime_api.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int driver_version; /* of CUDA: 13000; 0: there is no driver */
  int num_devices;
  int capability; /* ten times major, and minor */
  size_t l2_bytes;
  uint32_t num_turns; /* that a measurement takes, up to 4 */
} EmulatedCard;

extern EmulatedCard emulated_card;

/* Nanoseconds, one for each thread of a kernel that ran and a hundredth for each byte copied, and
 * copies that were enqueued, since the program began. */
double emulated_work_ns(void);
uint64_t emulated_copies(void);
/* One more kernel. */
void emulated_launched(uint64_t num_threads);

#ifdef __cplusplus
}
#endif
