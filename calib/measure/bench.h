/* A device that times operations: the calibration's interface to a GPU.
 *
 * A class identifies the card, reports its clocks and health, and times one operation at one shape
 * until a rule is met. cuda/ implements it for CUDA.
 *
 * Errors (BENCH_ERROR): those of one operation leave the others measurable, the rest end the
 * calibration; bench_error_is_fatal() tells them apart.
 */
#pragma once

#include "calib/profile.h"
#include "sim/model.h"

#define BENCH_ERROR (bench_error_quark())
GQuark bench_error_quark(void);

typedef enum {
  BENCH_ERROR_DRIVER,      /* missing, or too old */
  BENCH_ERROR_CARD,        /* none, or one that the kernels do not run on */
  BENCH_ERROR_PINNED,      /* no pinned host memory to be had */
  BENCH_ERROR_LOST,        /* the device no longer answers */
  BENCH_ERROR_MEMORY,      /* this operation does not fit */
  BENCH_ERROR_UNSUPPORTED, /* this operation cannot run on this card */
  BENCH_ERROR_FAILED,      /* this operation went wrong */
} BenchError;

gboolean bench_error_is_fatal(const GError *error);

typedef struct BenchDevice BenchDevice;

/* Texts are the device's. */
typedef struct {
  const char *name; /* as the driver calls the card */
  const char *driver, *cuda;
  const char *kernels; /* the kind that runs (calib/profile_kernels.h); NULL: there is one only */
  guint32 multiprocessors;
  guint64 memory_bytes, free_bytes;
  guint64 pinned_bytes; /* that one copy may take on the host */
  const char *note;     /* what it cannot tell of itself, a sentence; NULL: nothing */
} BenchIdentity;

typedef enum {
  BENCH_THROTTLE_POWER = 1 << 0,
  BENCH_THROTTLE_HEAT = 1 << 1,
  BENCH_THROTTLE_HARDWARE = 1 << 2, /* power brake and the like */
} BenchThrottle;

/* Zero where the device does not say. */
typedef struct {
  guint32 sm_mhz, memory_mhz;
  gint32 temperature_c;
  guint32 throttle; /* of BenchThrottle */
  guint32 n_others; /* other processes that use the card */
  char others[128]; /* the first of them: "1234 (python)" */
} BenchHealth;

/* What to time: the key fields of a sample. */
typedef struct {
  const ProfileSample *key;
  const Model *model; /* of OP_STEP, else NULL; lives as long as the device */
} BenchRequest;

/* When to stop: at `least` timings and (standard error of the median below `error` of it, or
 * `most_ns` spent, or `most` timings). Warm-up comes before it. */
typedef struct {
  guint least, most;
  double most_ns, error;
} BenchStop;

extern const BenchStop bench_stop_full, bench_stop_quick;

typedef struct {
  double median_ns, p10_ns, p90_ns;
  double submit_ns;   /* of copies: the host's, until all is handed over; 0: not known */
  guint32 count;      /* timings */
  const char *kernel; /* the kernel or algorithm, until the next call; "" where unknown */
} BenchTiming;

typedef struct {
  const char *name;
  gboolean (*identify)(BenchDevice *self, BenchIdentity *identity, GError **error);
  gboolean (*health)(BenchDevice *self, BenchHealth *health, GError **error);
  /* On fresh random data, warmed up. Of short operations the device times many and divides. */
  gboolean (*measure)(BenchDevice *self, const BenchRequest *request, const BenchStop *stop,
                      BenchTiming *timing, GError **error);
  gint64 (*now_us)(BenchDevice *self); /* monotonic; NULL: the system's */
  void (*free)(BenchDevice *self);
} BenchDeviceClass;

/* A device embeds this as its first member. */
struct BenchDevice {
  const BenchDeviceClass *class;
};

/* How a program opens the device that it was built for. Errors are BENCH_ERROR. */
typedef BenchDevice *(*BenchOpen)(GError **error);

gboolean bench_identify(BenchDevice *self, BenchIdentity *identity, GError **error);
gboolean bench_health(BenchDevice *self, BenchHealth *health, GError **error);
gint64 bench_now_us(BenchDevice *self);
void bench_device_free(BenchDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BenchDevice, bench_device_free)

/* Times the operation; refuses what is no time. */
gboolean bench_measure(BenchDevice *self, const BenchRequest *request, const BenchStop *stop,
                       BenchTiming *timing, GError **error);
