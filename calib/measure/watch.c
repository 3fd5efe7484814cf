/* Sentinels and health. A batch's origin is written when it begins and renamed when it ends, so
 * that its samples need no mark of their own. */
#include "config.h"

#include "watch.h"

#include <math.h>

/* A product, a decode and a copy, each large enough to keep the card busy for a while, and of a
 * shape that no model asks for. */
static const ProfileSample sentinels[] = {
    {.operation = OP_GEMM,
     .variant = "",
     .dtype = "bfloat16",
     .kernel = "",
     .shape = {2048, 4000, 4096}},
    {.operation = OP_ATTENTION,
     .variant = "",
     .dtype = "bfloat16",
     .kernel = "",
     .shape = {0, 0, 0, 32, 2001, 32, 8, 128}},
    {.operation = OP_COPY,
     .variant = "h2d/pinned/single",
     .dtype = "",
     .kernel = "",
     .shape = {(8 << 20) - 4096, 1}},
};

static const char *const sentinel_names[] = {"a product", "a decode", "a copy"};

struct CalibrationWatch {
  BenchDevice *bench;
  const BenchIdentity *identity;
  ProfileJournal *journal;
  const BenchStop *stop;
  WatchNote note;
  gpointer data;
  double first_ns[G_N_ELEMENTS(sentinels)]; /* 0: cannot be measured here */
  double last_drift;
  BenchHealth health;
  gint64 next_us;
  guint16 origin;
  guint batches, marked;
  guint32 told; /* kinds of throttling that a note has named */
  gboolean told_others;
};

CalibrationWatch *
calibration_watch_new(BenchDevice *bench, const BenchIdentity *identity, ProfileJournal *journal,
                      const BenchStop *stop, WatchNote note, gpointer data)
{
  CalibrationWatch *watch = g_new0(CalibrationWatch, 1);

  watch->bench = bench;
  watch->identity = identity;
  watch->journal = journal;
  watch->stop = stop;
  watch->note = note;
  watch->data = data;
  return watch;
}

void
calibration_watch_free(CalibrationWatch *watch)
{
  g_free(watch);
}

static void G_GNUC_PRINTF(2, 3) tell(CalibrationWatch *watch, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (watch->note == NULL)
    return;
  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  watch->note(watch->data, text);
}

/* *ns: 0 where the sentinel cannot be measured here. FALSE: an error that ends the calibration. */
static gboolean
time_sentinel(CalibrationWatch *watch, guint i, double *ns, GError **error)
{
  const BenchRequest request = {.key = &sentinels[i]};
  g_autoptr(GError) problem = NULL;
  BenchTiming timing;

  *ns = 0;
  if (bench_measure(watch->bench, &request, watch->stop, &timing, &problem)) {
    *ns = timing.median_ns;
    return TRUE;
  }
  if (!bench_error_is_fatal(problem))
    return TRUE;
  g_propagate_error(error, g_steal_pointer(&problem));
  return FALSE;
}

static void
append_throttle(GString *text, guint32 throttle)
{
  static const struct {
    BenchThrottle flag;
    const char *name;
  } reasons[] = {{BENCH_THROTTLE_POWER, "power"},
                 {BENCH_THROTTLE_HEAT, "heat"},
                 {BENCH_THROTTLE_HARDWARE, "hardware slowdown"}};
  gboolean first = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS(reasons); i++)
    if (throttle & reasons[i].flag) {
      g_string_append_printf(text, "%s%s", first ? "" : " and ", reasons[i].name);
      first = FALSE;
    }
}

static void
tell_health(CalibrationWatch *watch)
{
  const BenchHealth *now = &watch->health;
  g_autoptr(GString) reasons = g_string_new(NULL);

  append_throttle(reasons, now->throttle & ~watch->told);
  if (reasons->len > 0)
    tell(watch,
         "the card lowers its clocks (%s): %u MHz at %d °C; batches in which it does are "
         "marked",
         reasons->str, now->sm_mhz, now->temperature_c);
  watch->told |= now->throttle;
  if (now->n_others > 0 && !watch->told_others)
    tell(watch,
         "the card is busy: %u other process%s, such as %s; times come out too long, and "
         "are marked; end it, or choose another card with CUDA_VISIBLE_DEVICES",
         now->n_others, now->n_others == 1 ? " uses it" : "es use it", now->others);
  watch->told_others |= now->n_others > 0;
}

static void
begin_batch(CalibrationWatch *watch)
{
  const BenchHealth *health = &watch->health;
  g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(g_get_real_time() / G_USEC_PER_SEC);
  g_autofree char *date = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
  g_autofree char *source = g_strdup_printf("calibrate, batch %u", watch->batches + 1);
  g_autofree char *clocks = health->sm_mhz == 0
                                ? g_strdup("")
                                : g_strdup_printf("%u MHz, memory %u MHz, %d °C", health->sm_mhz,
                                                  health->memory_mhz, health->temperature_c);
  const ProfileOrigin origin = {.source = source,
                                .measured_device = watch->identity->name,
                                .measured_model = "",
                                .engine = "",
                                .driver = watch->identity->driver,
                                .cuda = watch->identity->cuda,
                                .clocks = clocks,
                                .date = date,
                                .program_version = PACKAGE_VERSION};

  watch->origin = profile_journal_add_origin(watch->journal, &origin);
  watch->batches++;
  watch->next_us = bench_now_us(watch->bench) + WATCH_EVERY_US;
}

gboolean
calibration_watch_begin(CalibrationWatch *watch, GError **error)
{
  if (!bench_health(watch->bench, &watch->health, error))
    return FALSE;
  tell_health(watch);
  for (guint i = 0; i < G_N_ELEMENTS(sentinels); i++)
    if (!time_sentinel(watch, i, &watch->first_ns[i], error))
      return FALSE;
  begin_batch(watch);
  return TRUE;
}

/* Drift is reported when it is above the limit and has changed by as much since the last check. */
static gboolean
find_drift(CalibrationWatch *watch, GString *why, GError **error)
{
  double worst = 0;
  guint at = 0;

  for (guint i = 0; i < G_N_ELEMENTS(sentinels); i++) {
    double ns, drift;
    if (watch->first_ns[i] == 0)
      continue;
    if (!time_sentinel(watch, i, &ns, error))
      return FALSE;
    drift = ns > 0 ? ns / watch->first_ns[i] - 1 : 0;
    if (fabs(drift) > fabs(worst)) {
      worst = drift;
      at = i;
    }
  }
  if (fabs(worst) > WATCH_DRIFT)
    g_string_append_printf(why, "; drifted: %s took %+.1f %%", sentinel_names[at], 100 * worst);
  if (fabs(worst) > WATCH_DRIFT && fabs(worst - watch->last_drift) > WATCH_DRIFT)
    tell(watch,
         "the card has drifted: %s takes %+.1f %% of its time at the start; the batch is "
         "marked",
         sentinel_names[at], 100 * worst);
  watch->last_drift = worst;
  return TRUE;
}

gboolean
calibration_watch_look(CalibrationWatch *watch, gboolean finally, GError **error)
{
  g_autoptr(GString) why = NULL;
  BenchHealth before = watch->health;

  if (!finally && bench_now_us(watch->bench) < watch->next_us)
    return TRUE;
  why = g_string_new(NULL);
  if (!bench_health(watch->bench, &watch->health, error))
    return FALSE;
  tell_health(watch);
  if (before.throttle | watch->health.throttle) {
    g_string_append(why, "; throttled: ");
    append_throttle(why, before.throttle | watch->health.throttle);
  }
  if (before.n_others + watch->health.n_others > 0)
    g_string_append(why, "; others used the card");
  if (!find_drift(watch, why, error))
    return FALSE;
  if (why->len > 0) {
    g_autofree char *source = g_strdup_printf("calibrate, batch %u%s", watch->batches, why->str);
    profile_journal_set_source(watch->journal, watch->origin, source);
    watch->marked++;
  }
  if (!finally)
    begin_batch(watch);
  return TRUE;
}

guint16
calibration_watch_origin(const CalibrationWatch *watch)
{
  return watch->origin;
}

guint
calibration_watch_batches(const CalibrationWatch *watch)
{
  return watch->batches;
}

guint
calibration_watch_marked(const CalibrationWatch *watch)
{
  return watch->marked;
}
