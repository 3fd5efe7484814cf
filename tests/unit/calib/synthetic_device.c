#include "synthetic_device.h"

#include <math.h>
#include <string.h>

#include "calib/curve.h"

#define MEMORY_BYTES (80.0 * (1 << 30))

typedef struct {
  BenchDevice base;
  SyntheticOptions options;
  GRand *random;
  GHashTable *counts; /* of key text → times measured */
  guint total;
  double now_ns;
} Synthetic;

static double
gemm_ns(double m, double n, double k)
{
  double tiles = ceil(m / 64) * 64;

  return 2500 + MAX(2 * n * k / 3000, 2 * tiles * n * k / 700e3);
}

/* Small batches are rounded up to a power of two: steps in the batch. */
static double
decode_ns(double decodes, double context, double kv_heads, double head_dim)
{
  double batch = decodes <= 16 ? exp2(ceil(log2(decodes))) : decodes;

  return 5000 + batch * (context + 32) * kv_heads * head_dim * 4 / 2700;
}

static double
attention_ns(const gint64 *s)
{
  double fresh = (double)s[1], cached = (double)s[2], heads = (double)s[5], dim = (double)s[7];
  double pairs = fresh * cached + fresh * (fresh + 1) / 2;
  double ns = 0;

  if (fresh > 0)
    ns += 7000 + 4 * heads * dim * (pairs + 64 * fresh) / 450e3 + cached * dim * (double)s[6] / 900;
  if (s[3] > 0)
    ns += decode_ns((double)s[3], (double)s[4], (double)s[6], dim);
  return ns;
}

static double
skew_ns(const ProfileSample *key)
{
  const gint64 *s = key->shape;
  double n = (double)s[2], share = (double)s[3] / n;
  double mean = (double)s[4] + share * (double)(s[5] - s[4]);
  double at_mean = decode_ns(n, mean, (double)s[7], (double)s[8]);
  double at_max = decode_ns(n, (double)s[5], (double)s[7], (double)s[8]);

  if (g_str_equal(key->variant, "mean"))
    return at_mean;
  return g_str_equal(key->variant, "max") ? at_max : at_mean + 0.05 * (at_max - at_mean);
}

static double
copy_ns(const ProfileSample *key)
{
  g_auto(GStrv) parts = g_strsplit(key->variant, "/", 3);
  double pieces = (double)key->shape[1], bytes = (double)key->shape[0] * pieces;
  double rate = g_str_equal(parts[0], "h2d") ? 51 : g_str_equal(parts[0], "d2h") ? 50 : 42;

  if (g_str_equal(parts[1], "pageable"))
    rate /= 3.5;
  if (g_str_equal(parts[2], "single"))
    return 3300 * pieces + bytes / rate;
  if (g_str_equal(parts[2], "batched"))
    return 8000 + 230 * pieces + bytes / (0.93 * rate);
  return 6000 + MAX(90 * pieces, bytes / (0.88 * rate));
}

static double
beside_ns(const char *variant)
{
  if (g_str_has_suffix(variant, "copy-alone"))
    return 350e3;
  if (g_str_has_suffix(variant, "copy-beside"))
    return 390e3;
  return g_str_has_suffix(variant, "/alone") ? 120e3 : 131e3;
}

static double
small_ns(const ProfileSample *key)
{
  double bytes = 4.0 * (double)key->shape[0] * (double)key->shape[1];

  return 1800 + (bytes < 30e6 ? bytes / 5000 : 30e6 / 5000 + (bytes - 30e6) / 2200);
}

/* A layer's parts and, as a graph, a microsecond off for each; one by one at least 6 µs each. */
static double
step_ns(const ProfileSample *key)
{
  const gint64 *s = key->shape;
  double tokens = (double)(s[0] + s[2]), hidden = (double)s[5], ffn = (double)s[6];
  const gint64 attention[OPERATION_SHAPE_MAX] = {s[0] > 0, s[0], s[1], s[2], s[3], s[7], s[8], 128};
  double layer = gemm_ns(tokens, 3 * hidden, hidden) + gemm_ns(tokens, hidden, hidden) +
                 gemm_ns(tokens, 2 * ffn, hidden) + gemm_ns(tokens, hidden, ffn) +
                 attention_ns(attention) + 5 * 2000 + tokens * hidden / 500;

  if (g_str_equal(key->variant, STEP_GRAPH))
    return (double)s[4] * (layer - 4000) + 20000;
  return MAX((double)s[4] * layer, (double)s[4] * 10 * 6000) + 50000;
}

static double
ceiling_ns(const ProfileSample *key)
{
  static const struct {
    const char *variant;
    double per_ns;
  } rates[] = {{CEILING_GEMM, 780e3}, {CEILING_COPY, 3000}, {CEILING_READ, 3050},
               {CEILING_H2D, 51},     {CEILING_D2H, 50},    {CEILING_BOTH, 84}};

  for (guint i = 0; i < G_N_ELEMENTS(rates); i++)
    if (g_str_equal(rates[i].variant, key->variant))
      return (double)key->shape[0] / rates[i].per_ns;
  return 2100;
}

double
synthetic_true_ns(const ProfileSample *key)
{
  const gint64 *s = key->shape;

  switch ((OperationKind)key->operation) {
  case OP_GEMM:
    return gemm_ns((double)s[0], (double)s[1], (double)s[2]);
  case OP_ELEMENTWISE:
    return small_ns(key);
  case OP_ATTENTION:
    return attention_ns(s);
  case OP_ATTENTION_SKEW:
    return skew_ns(key);
  case OP_SAMPLING:
    return 9000 + (double)s[0] * (double)s[1] * 4 / 1500;
  case OP_COPY:
    return copy_ns(key);
  case OP_COPY_SUBMIT:
    return 2000 * (double)MIN(s[1], 1024) + 180e3 * (double)MAX(0, s[1] - 1024);
  case OP_BESIDE:
    return beside_ns(key->variant);
  case OP_CEILING:
    return ceiling_ns(key);
  case OP_STEP:
    return step_ns(key);
  default:
    g_assert_not_reached();
  }
}

static gboolean
identify(BenchDevice *base, BenchIdentity *identity, GError **error)
{
  const Synthetic *self = (const Synthetic *)base;

  if (self->options.is_refused) {
    g_set_error(error, BENCH_ERROR, (gint)self->options.refusal, "the card is not to be had");
    return FALSE;
  }
  *identity = (BenchIdentity){
      .name = self->options.card != NULL ? self->options.card : "NVIDIA H100 80GB HBM3",
      .driver = "580.1",
      .cuda = "13.0",
      .multiprocessors = 132,
      .memory_bytes = (guint64)MEMORY_BYTES,
      .free_bytes = (guint64)MEMORY_BYTES - self->options.is_busy * ((guint64)20 << 30),
      .pinned_bytes = (guint64)1 << 30,
  };
  return TRUE;
}

static gboolean
is_throttled(const Synthetic *self)
{
  return self->options.throttle_after_s > 0 && self->now_ns > self->options.throttle_after_s * 1e9;
}

static gboolean
health(BenchDevice *base, BenchHealth *health, GError **error G_GNUC_UNUSED)
{
  const Synthetic *self = (const Synthetic *)base;

  *health = (BenchHealth){.sm_mhz = is_throttled(self) ? 1380 : 1980,
                          .memory_mhz = 2619,
                          .temperature_c = is_throttled(self) ? 87 : 45,
                          .throttle = is_throttled(self) ? BENCH_THROTTLE_HEAT : 0};
  if (self->options.is_busy) {
    health->n_others = 1;
    g_strlcpy(health->others, "4711 (python3)", sizeof health->others);
  }
  return TRUE;
}

/* Twelve draws make a normal one, near enough. */
static double
noise(Synthetic *self)
{
  double sum = -6;

  for (int i = 0; i < 12; i++)
    sum += g_rand_double(self->random);
  return 1 + self->options.noise * sum;
}

static double
needed_bytes(const ProfileSample *key)
{
  const gint64 *s = key->shape;

  if (key->operation != OP_ATTENTION)
    return 0;
  return (double)(s[3] * s[4] + s[1] + s[2]) * 4 * (double)(s[6] * s[7]);
}

static char *
key_text(const ProfileSample *key)
{
  GString *text = g_string_new(operations[key->operation].name);

  g_string_append_printf(text, " %s %s", key->variant, key->dtype);
  for (guint i = 0; i < operation_n_shape(key->operation); i++)
    g_string_append_printf(text, " %" G_GINT64_FORMAT, key->shape[i]);
  return g_string_free(text, FALSE);
}

static gboolean
refuse(const Synthetic *self, const ProfileSample *key, GError **error)
{
  const SyntheticOptions *options = &self->options;
  double limit = options->memory_limit_bytes > 0 ? options->memory_limit_bytes : MEMORY_BYTES;

  if (options->lost_after > 0 && self->total > options->lost_after)
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_LOST, "the card no longer answers");
  else if (options->failing != OP_HOST && key->operation == options->failing)
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_FAILED, "the kernel returned an error");
  else if (options->without_dtype != NULL && g_str_equal(key->dtype, options->without_dtype))
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_UNSUPPORTED, "the card has no %s", key->dtype);
  else if (needed_bytes(key) > limit)
    g_set_error(error, BENCH_ERROR, BENCH_ERROR_MEMORY, "out of the card's memory: %.0f MB",
                needed_bytes(key) / 1e6);
  else
    return FALSE;
  return TRUE;
}

static gboolean
measure(BenchDevice *base, const BenchRequest *request, const BenchStop *stop, BenchTiming *timing,
        GError **error)
{
  Synthetic *self = (Synthetic *)base;
  const ProfileSample *key = request->key;
  double truth = synthetic_true_ns(key), times[256];
  char *text = key_text(key);
  guint n = stop->least;

  g_assert((key->operation == OP_STEP) == (request->model != NULL));
  g_hash_table_replace(
      self->counts, text,
      GUINT_TO_POINTER(1 + GPOINTER_TO_UINT(g_hash_table_lookup(self->counts, text))));
  self->total++;
  if (self->options.sleep_us > 0)
    g_usleep(self->options.sleep_us);
  self->now_ns += 5e6 + 1e9 * self->options.each_s;
  if (refuse(self, key, error))
    return FALSE;
  while (n < stop->most && n * truth < 10e6)
    n++;
  for (guint i = 0; i < n; i++) {
    times[i] = truth * (1 + self->options.drift * self->now_ns / 3600e9) *
               (is_throttled(self) ? 1.3 : 1) * noise(self);
    self->now_ns += 2 * times[i];
  }
  qsort(times, n, sizeof *times, curve_compare_doubles);
  *timing = (BenchTiming){.median_ns = (times[(n - 1) / 2] + times[n / 2]) / 2,
                          .p10_ns = times[n / 10],
                          .p90_ns = times[n - 1 - n / 10],
                          .count = n,
                          .kernel = "synthetic"};
  if (key->operation == OP_COPY) {
    ProfileSample submit = *key;
    submit.operation = OP_COPY_SUBMIT;
    timing->submit_ns = synthetic_true_ns(&submit);
  }
  return TRUE;
}

static gint64
now_us(BenchDevice *base)
{
  return (gint64)(((Synthetic *)base)->now_ns / 1000);
}

static void
free_device(BenchDevice *base)
{
  Synthetic *self = (Synthetic *)base;

  g_rand_free(self->random);
  g_hash_table_unref(self->counts);
  g_free(self);
}

static const BenchDeviceClass synthetic_class = {
    .name = "synthetic",
    .identify = identify,
    .health = health,
    .measure = measure,
    .now_us = now_us,
    .free = free_device,
};

BenchDevice *
synthetic_device_new(const SyntheticOptions *options)
{
  Synthetic *self = g_new0(Synthetic, 1);

  self->base.class = &synthetic_class;
  self->options = *options;
  self->random = g_rand_new_with_seed((guint32)options->seed);
  self->counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  return &self->base;
}

guint
synthetic_count(BenchDevice *device, const ProfileSample *key)
{
  g_autofree char *text = key_text(key);

  return GPOINTER_TO_UINT(g_hash_table_lookup(((Synthetic *)device)->counts, text));
}

guint
synthetic_total(BenchDevice *device)
{
  return ((Synthetic *)device)->total;
}
