/* The reader of device files: one table row a number, with its place, its unit and its range.
 *
 * Called by the command line to resolve --device. Keys that the table does not know are refused, so
 * a misspelt one is found; so are numbers that are not finite or not plausible.
 */
#include "device.h"

#include "files/input.h"

#include "sim/units.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

G_DEFINE_QUARK(spillway - device - error, device_error)

#define SOURCE_SUFFIX ".source"

typedef struct {
  const char *group, *key;
  gsize offset;
  double unit; /* a number in the file x unit = the field */
  double min, max;
  gboolean optional; /* absent: 0 */
} Field;

#define FIELD(member) offsetof(Device, member)
#define RATE 1, 1e6, 1e18
#define SHARE 1, 0.01, 1
#define MICROSECONDS (double)PS_PER_US, 0, 1e6

static const Field fields[] = {
    {"device", "nominal_memory_bytes", FIELD(nominal_memory_bytes), 1, 1e6, 1e15, FALSE},
    {"device", "memory_bytes", FIELD(memory_bytes), 1, 1e6, 1e15, FALSE},
    {"device", "non_torch_bytes", FIELD(non_torch_bytes), 1, 1e6, 1e12, TRUE},
    {"device", "hbm_bytes_per_s", FIELD(hbm_bytes_per_s), RATE, FALSE},
    {"compute", "multiprocessors", FIELD(multiprocessors), 1, 1, 1e5, FALSE},
    {"compute", "fp16_flops", FIELD(fp16_flops), RATE, FALSE},
    {"compute", "fp8_flops", FIELD(fp8_flops), RATE, TRUE},
    {"compute", "gemm_compute_efficiency", FIELD(gemm_compute_efficiency), SHARE, FALSE},
    {"compute", "gemm_fp8_compute_efficiency", FIELD(gemm_fp8_compute_efficiency), SHARE, TRUE},
    {"compute", "gemm_fp8_fixed_us", FIELD(gemm_fp8_fixed_ps), MICROSECONDS, TRUE},
    {"compute", "gemm_fp8_block_compute_efficiency", FIELD(gemm_fp8_block_compute_efficiency),
     SHARE, TRUE},
    {"compute", "gemm_fp8_block_fixed_us", FIELD(gemm_fp8_block_fixed_ps), MICROSECONDS, TRUE},
    {"compute", "gemm_fp8_block_walk_us", FIELD(gemm_fp8_block_walk_ps), MICROSECONDS, TRUE},
    {"compute", "experts_4bit_compute_share", FIELD(experts_4bit_compute_share), SHARE, TRUE},
    {"compute", "gemm_memory_efficiency", FIELD(gemm_memory_efficiency), SHARE, FALSE},
    {"compute", "gemm_fixed_us", FIELD(gemm_fixed_ps), MICROSECONDS, FALSE},
    {"compute", "experts_compute_share", FIELD(experts_compute_share), SHARE, TRUE},
    {"compute", "experts_overlap", FIELD(experts_overlap), SHARE, TRUE},
    {"attention", "prefill_efficiency", FIELD(prefill_efficiency), SHARE, FALSE},
    {"attention", "prefill_ramp_tokens", FIELD(prefill_ramp_tokens), 1, 0, 1e6, FALSE},
    {"attention", "prefill_fixed_us", FIELD(prefill_fixed_ps), MICROSECONDS, FALSE},
    {"attention", "decode_efficiency", FIELD(decode_efficiency), SHARE, FALSE},
    {"attention", "decode_fixed_us", FIELD(decode_fixed_ps), MICROSECONDS, FALSE},
    {"elementwise", "efficiency", FIELD(elementwise_efficiency), SHARE, FALSE},
    {"elementwise", "fixed_us", FIELD(elementwise_fixed_ps), MICROSECONDS, FALSE},
    {"copy", "launch_us", FIELD(copy_launch_ps), MICROSECONDS, FALSE},
    {"copy", "pinned_h2d_bytes_per_s", FIELD(pinned_h2d_bytes_per_s), RATE, FALSE},
    {"copy", "pinned_d2h_bytes_per_s", FIELD(pinned_d2h_bytes_per_s), RATE, FALSE},
    {"copy", "pageable_h2d_bytes_per_s", FIELD(pageable_h2d_bytes_per_s), RATE, FALSE},
    {"copy", "pageable_d2h_bytes_per_s", FIELD(pageable_d2h_bytes_per_s), RATE, FALSE},
    {"copy", "batched_piece_us", FIELD(batched_piece_ps), MICROSECONDS, FALSE},
    {"copy", "batched_share", FIELD(batched_share), SHARE, FALSE},
    {"interconnect", "allreduce_bytes_per_s", FIELD(allreduce_bytes_per_s), RATE, TRUE},
    {"interconnect", "allreduce_latency_us", FIELD(allreduce_latency_ps), MICROSECONDS, TRUE},
    {"interconnect", "allreduce_direct_bytes_per_s", FIELD(allreduce_direct_bytes_per_s), RATE,
     TRUE},
    {"interconnect", "allreduce_direct_latency_us", FIELD(allreduce_direct_latency_ps),
     MICROSECONDS, TRUE},
#define HOST(group, scheduler)                                                                     \
  {group, "step_us", FIELD(host[scheduler].step_ps), MICROSECONDS, FALSE},                         \
      {group, "sequence_us", FIELD(host[scheduler].sequence_ps), MICROSECONDS, FALSE},             \
  {                                                                                                \
    group, "eager_us", FIELD(host[scheduler].eager_ps), MICROSECONDS, FALSE                        \
  }
    HOST("host.vllm-v1", HOST_VLLM_V1),
    {"host.vllm-v1", "work_us", FIELD(host[HOST_VLLM_V1].work_ps), MICROSECONDS, TRUE},
    {"host.vllm-v1", "work_sequence_us", FIELD(host[HOST_VLLM_V1].work_sequence_ps), MICROSECONDS,
     TRUE},
    HOST("host.vllm-0.6", HOST_VLLM_0_6),
    HOST("host.vllm-0.5", HOST_VLLM_0_5),
};

static const char *const scheduler_names[HOST_SCHEDULERS] = {"vllm-v1", "vllm-0.6", "vllm-0.5"};

gboolean
host_scheduler_from_name(const char *name, HostScheduler *scheduler)
{
  for (guint i = 0; i < HOST_SCHEDULERS; i++)
    if (g_str_equal(name, scheduler_names[i])) {
      *scheduler = (HostScheduler)i;
      return TRUE;
    }
  return FALSE;
}

const char *
host_scheduler_name(HostScheduler scheduler)
{
  return scheduler_names[scheduler];
}

void
device_free(Device *device)
{
  if (device == NULL)
    return;
  g_free(device->name);
  g_free(device->title);
  g_clear_pointer(&device->file, g_key_file_unref);
  g_free(device);
}

static gboolean
refuse(const char *path, const char *group, const char *key, const char *found,
       const char *expected, GError **error)
{
  g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_VALUE, "%s: [%s] %s: found %s%.60s%s, expected %s",
              path, group, key, found != NULL ? "'" : "", found != NULL ? found : "nothing",
              found != NULL ? "'" : "", expected);
  return FALSE;
}

static gboolean
refuse_key(const char *path, const char *group, const char *key, GError **error)
{
  g_set_error(
      error, DEVICE_ERROR, DEVICE_ERROR_VALUE,
      "%s: [%s] %s: unknown key; expected those of the shipped devices, each with KEY%s if wanted",
      path, group, key, SOURCE_SUFFIX);
  return FALSE;
}

/* A decimal number and nothing else. */
static gboolean
parse_number(const char *text, double *number)
{
  char *end = NULL;

  errno = 0;
  *number = g_ascii_strtod(text, &end);
  return *text != '\0' && strspn(text, "0123456789.eE+-") == strlen(text) && *end == '\0' &&
         end != text && errno == 0 && isfinite(*number);
}

static gboolean
read_field(GKeyFile *file, const char *path, const Field *field, Device *device, GError **error)
{
  g_autofree char *text = g_key_file_get_string(file, field->group, field->key, NULL);
  double number = 0;

  if (text == NULL && field->optional)
    return TRUE;
  if (text == NULL || !parse_number(text, &number) || number < field->min || number > field->max) {
    g_autofree char *expected = g_strdup_printf("a number from %g to %g", field->min, field->max);
    return refuse(path, field->group, field->key, text, expected, error);
  }
  G_STRUCT_MEMBER(double, device, field->offset) = number * field->unit;
  return TRUE;
}

static gboolean
key_is_known(const char *group, const char *key)
{
  static const char *const texts[] = {"format", "title", "driver_names", NULL};
  g_autofree char *plain = g_strdup(key);

  if (g_str_has_suffix(plain, SOURCE_SUFFIX))
    plain[strlen(plain) - strlen(SOURCE_SUFFIX)] = '\0';
  if (g_str_equal(group, "device") && g_strv_contains(texts, key))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
    if (g_str_equal(group, fields[i].group) && g_str_equal(plain, fields[i].key))
      return TRUE;
  return FALSE;
}

static gboolean
check_keys(GKeyFile *file, const char *path, GError **error)
{
  g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);

  for (char **group = groups; *group != NULL; group++) {
    g_auto(GStrv) keys = g_key_file_get_keys(file, *group, NULL, NULL);
    for (char **key = keys; key != NULL && *key != NULL; key++)
      if (!key_is_known(*group, *key))
        return refuse_key(path, *group, *key, error);
  }
  return TRUE;
}

static gboolean
check_format(GKeyFile *file, const char *path, GError **error)
{
  g_autofree char *format = g_key_file_get_string(file, "device", "format", NULL);
  double number;

  if (format == NULL)
    return refuse(path, "device", "format", NULL, "format=1, as in every device file", error);
  if (parse_number(format, &number) && number == DEVICE_FORMAT)
    return TRUE;
  g_set_error(
      error, DEVICE_ERROR, DEVICE_ERROR_FORMAT,
      "%s: [device] format: found '%.20s', this program reads %d; a newer spillway wrote it, or"
      " the file is not a device's",
      path, format, DEVICE_FORMAT);
  return FALSE;
}

static gboolean
read_fields(GKeyFile *file, const char *path, Device *device, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
    if (!read_field(file, path, &fields[i], device, error))
      return FALSE;
  if (device->fp8_flops > 0 && device->gemm_fp8_compute_efficiency == 0)
    return refuse(path, "compute", "gemm_fp8_compute_efficiency", NULL,
                  "a number, since fp8_flops is given", error);
  if (device->gemm_fp8_block_compute_efficiency == 0) {
    device->gemm_fp8_block_compute_efficiency = device->gemm_fp8_compute_efficiency;
    device->gemm_fp8_block_fixed_ps = device->gemm_fp8_fixed_ps;
  }
  if (device->experts_4bit_compute_share == 0)
    device->experts_4bit_compute_share = 1;
  if (device->experts_compute_share == 0)
    device->experts_compute_share = 1;
  if (device->experts_overlap == 0)
    device->experts_overlap = 1;
  return TRUE;
}

static gboolean
is_key_value(const char *line)
{
  const char *equals = strchr(line, '=');

  return equals != NULL && equals != line;
}

/* GLib's messages on key files have no line number: finds the first line that none can have. */
static void
set_unreadable(const char *path, const char *text, const GError *cause, GError **error)
{
  g_auto(GStrv) lines = NULL;
  gboolean in_group = FALSE;

  if (text != NULL)
    lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines != NULL && lines[i] != NULL; i++) {
    const char *line = g_strstrip(lines[i]);
    if (*line == '[' && g_str_has_suffix(line, "]")) {
      in_group = TRUE;
    } else if (*line != '#' && *line != '\0' && !(in_group && is_key_value(line))) {
      g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_OPEN,
                  "%s:%u: found '%.60s', expected %s of a device file", path, i + 1, line,
                  in_group ? "KEY=VALUE" : "the [device]");
      return;
    }
  }
  g_set_error(error, DEVICE_ERROR, DEVICE_ERROR_OPEN, "%s: %s; expected a device file", path,
              cause->message);
}

Device *
device_read(const char *path, const char *name, GError **error)
{
  g_autoptr(Device) device = g_new0(Device, 1);
  g_autoptr(GError) cause = NULL;
  gsize n_bytes;
  g_autofree char *text = input_read(path, INPUT_PLAIN, INPUT_TEXT_MAX_BYTES, &n_bytes, &cause);

  device->name = g_strdup(name);
  device->file = g_key_file_new();
  if (text == NULL ||
      !g_key_file_load_from_data(device->file, text, n_bytes, G_KEY_FILE_NONE, &cause)) {
    set_unreadable(path, text, cause, error);
    return NULL;
  }
  if (!check_format(device->file, path, error) || !check_keys(device->file, path, error) ||
      !read_fields(device->file, path, device, error))
    return NULL;
  device->title = g_key_file_get_string(device->file, "device", "title", NULL);
  if (device->title == NULL)
    device->title = g_strdup(name);
  return g_steal_pointer(&device);
}

gboolean
device_has_driver_name(const Device *device, const char *name)
{
  g_auto(GStrv) names =
      g_key_file_get_string_list(device->file, "device", "driver_names", NULL, NULL);

  return names != NULL && g_strv_contains((const char *const *)names, name);
}

char **
device_sources(const Device *device)
{
  GPtrArray *lines = g_ptr_array_new();

  for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
    g_autofree char *key = g_strconcat(fields[i].key, SOURCE_SUFFIX, NULL);
    g_autofree char *value =
        g_key_file_get_string(device->file, fields[i].group, fields[i].key, NULL);
    g_autofree char *source = g_key_file_get_string(device->file, fields[i].group, key, NULL);

    if (value != NULL)
      g_ptr_array_add(lines, g_strdup_printf("%s %s=%s: %s", fields[i].group, fields[i].key, value,
                                             source != NULL ? source : "no source given"));
  }
  g_ptr_array_add(lines, NULL);
  return (char **)g_ptr_array_free(lines, FALSE);
}
