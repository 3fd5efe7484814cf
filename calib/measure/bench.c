/* Calls of the functions of a device's class, and checks of their results. */
#include "bench.h"

#include <math.h>

G_DEFINE_QUARK(spillway - bench - error, bench_error)

const BenchStop bench_stop_full = {.least = 10, .most = 200, .most_ns = 30e6, .error = 0.005};
const BenchStop bench_stop_quick = {.least = 6, .most = 50, .most_ns = 8e6, .error = 0.01};

gboolean
bench_error_is_fatal(const GError *error)
{
  return error->domain != BENCH_ERROR || error->code < BENCH_ERROR_MEMORY;
}

gboolean
bench_identify(BenchDevice *self, BenchIdentity *identity, GError **error)
{
  *identity = (BenchIdentity){0};
  return self->class->identify(self, identity, error);
}

gboolean
bench_health(BenchDevice *self, BenchHealth *health, GError **error)
{
  *health = (BenchHealth){0};
  return self->class->health(self, health, error);
}

gint64
bench_now_us(BenchDevice *self)
{
  return self->class->now_us != NULL ? self->class->now_us(self) : g_get_monotonic_time();
}

void
bench_device_free(BenchDevice *self)
{
  if (self != NULL)
    self->class->free(self);
}

gboolean
bench_measure(BenchDevice *self, const BenchRequest *request, const BenchStop *stop,
              BenchTiming *timing, GError **error)
{
  *timing = (BenchTiming){.kernel = ""};
  if (!self->class->measure(self, request, stop, timing, error))
    return FALSE;
  if (isfinite(timing->median_ns) && timing->p10_ns > 0 && timing->median_ns >= timing->p10_ns &&
      timing->p90_ns >= timing->median_ns && isfinite(timing->p90_ns))
    return TRUE;
  g_set_error(error, BENCH_ERROR, BENCH_ERROR_FAILED,
              "it was timed at %g ns (p10 %g, p90 %g), which is no time", timing->median_ns,
              timing->p10_ns, timing->p90_ns);
  return FALSE;
}
