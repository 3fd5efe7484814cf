/* Names of devices and dtypes as sources write them, files of a folder, repeated rows. */
#include "import_common.h"

#include <stdio.h>
#include <string.h>

/* Lower case, letters and digits only. */
static char *
squeeze(const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);

  for (; *text != '\0'; text++)
    if (g_ascii_isalnum(*text))
      g_string_append_c(out, g_ascii_tolower(*text));
  return g_string_free(g_steal_pointer(&out), FALSE);
}

const char *
import_guess_device(const char *gpu_name)
{
  /* The first whose two parts both occur. Cards made for one country with slower links (A800,
   * H800) compute as those they are made from. */
  static const struct {
    const char *part, *other, *device;
  } known[] = {
      {"laptop", "", NULL},        {"rtxpro6000", "", "rtx-pro-6000"},
      {"gh200", "", "gh200"},      {"h100", "pcie", "h100-pcie"},
      {"h100", "nvl", NULL},       {"h100", "", "h100-sxm"},
      {"h800", "", "h100-sxm"},    {"h200", "", "h200"},
      {"b200", "", "b200"},        {"a100", "40gb", "a100-40gb"},
      {"a100", "", "a100-80gb"},   {"a800", "", "a100-80gb"},
      {"l40s", "", "l40s"},        {"rtx4090d", "", NULL},
      {"rtx4090", "", "rtx-4090"}, {"mi300x", "", "mi300x"},
  };
  g_autofree char *name = squeeze(gpu_name);

  for (guint i = 0; i < G_N_ELEMENTS(known); i++)
    if (strstr(name, known[i].part) != NULL && strstr(name, known[i].other) != NULL)
      return known[i].device;
  return NULL;
}

static char *
slug(const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);

  for (; *text != '\0'; text++)
    if (g_ascii_isalnum(*text))
      g_string_append_c(out, g_ascii_tolower(*text));
    else if (out->len > 0 && out->str[out->len - 1] != '-')
      g_string_append_c(out, '-');
  while (out->len > 0 && out->str[out->len - 1] == '-')
    g_string_truncate(out, out->len - 1);
  return g_string_free(g_steal_pointer(&out), FALSE);
}

static void
set_if_empty(char **text, char *value)
{
  g_autofree char *unused = value;

  if (**text == '\0') {
    g_free(*text);
    *text = g_steal_pointer(&unused);
  }
}

void
import_know_device(Profile *profile, const char *gpu_name)
{
  const char *device = import_guess_device(gpu_name);

  if (device != NULL)
    set_if_empty(&profile->device, g_strdup(device));
  set_if_empty(&profile->name, slug(device != NULL ? device : gpu_name));
  if (g_strcmp0(device, profile->device) != 0)
    profile_add_note(profile, "Measured on \"%s\", taken for %s.", gpu_name,
                     *profile->device != '\0' ? profile->device : "a device that is not shipped");
}

const char *
import_dtype(const char *name)
{
  static const struct {
    const char *name, *dtype;
  } known[] = {
      {"bf16", "bfloat16"}, {"torch.bfloat16", "bfloat16"}, {"fp16", "float16"},
      {"half", "float16"},  {"torch.float16", "float16"},   {"fp32", "float32"},
      {"float", "float32"}, {"float8_e4m3fn", "fp8"},       {"e4m3", "fp8"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(known); i++)
    if (g_str_equal(name, known[i].name))
      return known[i].dtype;
  return name;
}

static gint
compare_paths(gconstpointer a, gconstpointer b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

GPtrArray *
import_list_files(const char *path, gboolean (*takes)(const char *path), GError **error)
{
  g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GDir) folder = NULL;
  const char *name;

  if (!g_file_test(path, G_FILE_TEST_IS_DIR)) {
    g_ptr_array_add(files, g_strdup(path));
    return g_steal_pointer(&files);
  }
  folder = g_dir_open(path, 0, error);
  if (folder == NULL)
    return NULL;
  while ((name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *file = g_build_filename(path, name, NULL);
    if (g_file_test(file, G_FILE_TEST_IS_REGULAR) && takes(file))
      g_ptr_array_add(files, g_steal_pointer(&file));
  }
  g_ptr_array_sort(files, compare_paths);
  return g_steal_pointer(&files);
}

gboolean
import_header_has(const char *path, const char *const *names)
{
  char head[8192];
  FILE *file = g_file_test(path, G_FILE_TEST_IS_REGULAR) ? fopen(path, "rb") : NULL;
  gsize bytes;

  if (file == NULL)
    return FALSE;
  bytes = fread(head, 1, sizeof head - 1, file);
  fclose(file);
  head[bytes] = '\0';
  head[strcspn(head, "\r\n")] = '\0';
  g_auto(GStrv) columns = g_strsplit(head, ",", -1);
  for (; *names != NULL; names++)
    if (!g_strv_contains((const char *const *)columns, *names))
      return FALSE;
  return TRUE;
}

static int
compare_numbers(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

/* One sample of n of one key. */
static ProfileSample
merge(const ProfileSample *samples, const guint32 *indices, guint n)
{
  ProfileSample merged = samples[indices[0]];
  g_autofree double *medians = g_new(double, n);

  for (guint i = 0; i < n; i++) {
    const ProfileSample *sample = &samples[indices[i]];
    medians[i] = sample->median_ns;
    merged.p10_ns = MIN(merged.p10_ns, sample->p10_ns);
    merged.p90_ns = MAX(merged.p90_ns, sample->p90_ns);
    merged.derived |= sample->derived;
    merged.count += i > 0 ? sample->count : 0;
  }
  qsort(medians, n, sizeof *medians, compare_numbers);
  merged.median_ns = (medians[(n - 1) / 2] + medians[n / 2]) / 2;
  return merged;
}

static gint
compare_samples(gconstpointer a, gconstpointer b, gpointer user_data)
{
  const ProfileSample *samples = user_data;
  guint32 i = *(const guint32 *)a, j = *(const guint32 *)b;
  int order = profile_compare_keys(&samples[i], &samples[j]);

  return order != 0 ? order : (i > j) - (i < j);
}

void
import_merge_repeats(Profile *profile, guint first)
{
  const ProfileSample *samples = (const ProfileSample *)(gconstpointer)profile->samples->data;
  guint n = profile->samples->len - first, merged = 0;
  g_autofree guint32 *order = g_new(guint32, n);
  g_autoptr(GArray) out = g_array_sized_new(FALSE, FALSE, sizeof(ProfileSample), n);

  for (guint i = 0; i < n; i++)
    order[i] = first + i;
  g_qsort_with_data(order, (gint)n, sizeof *order, compare_samples, (gpointer)samples);
  for (guint i = 0, j; i < n; i = j) {
    for (j = i + 1; j < n && profile_compare_keys(&samples[order[i]], &samples[order[j]]) == 0;)
      j++;
    ProfileSample sample = merge(samples, order + i, j - i);
    g_array_append_val(out, sample);
    merged += j - i - 1;
  }
  g_array_set_size(profile->samples, first);
  g_array_append_vals(profile->samples, out->data, out->len);
  if (merged > 0)
    profile_add_note(profile, "%u rows repeat a shape and went into one sample with it.", merged);
}
