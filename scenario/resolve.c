/* Names before paths: a file beside the user that happens to be called like a shipped model or
 * device does not hide it; a path is what has a slash, or the file's suffix. */
#include "resolve.h"

#include "calib/devices/doubts.h"
#include "calib/profile_kernels.h"
#include "calib/store/file.h"
#include "calib/store/read.h"
#include "calib/store/sniff.h"
#include "calib/cost/profile_cost.h"
#include "typed.h"
#include "shipped.h"
#include "models/model_config.h"

#include <string.h>

#define LIKELY_MOST 6 /* names in a hint; more would not help */

#define CONFIG_FILE "config.json"

static gboolean
looks_like_path(const char *text, const char *suffix)
{
  return strchr(text, '/') != NULL || g_str_has_suffix(text, suffix) ||
         g_file_test(text, G_FILE_TEST_EXISTS);
}

/* As nvidia-smi calls a card "NVIDIA H100". */
static const char *
without_maker(const char *name)
{
  return g_str_has_prefix(name, "nvidia-") ? name + strlen("nvidia-")
         : g_str_has_prefix(name, "amd-")  ? name + strlen("amd-")
                                           : name;
}

/* "; did you mean h100-nvl, h100-pcie or h100-sxm?": the names that have `text` as a part, or the
 * nearest; "": none is near. The caller frees it. */
static char *
hint_of(const char *text, GStrv names)
{
  g_autofree char *lower = g_ascii_strdown(text, -1);
  g_autoptr(GPtrArray) likely = g_ptr_array_new();
  g_autoptr(GString) hint = g_string_new("; did you mean ");

  g_strdelimit(lower, " _", '-');
  for (char **name = names; *name != NULL; name++)
    if (typed_has_words(*name, without_maker(lower)))
      g_ptr_array_add(likely, *name);
  if (likely->len == 0 || likely->len > LIKELY_MOST)
    return typed_hint(text, (const char *const *)names);
  for (guint i = 0; i < likely->len; i++)
    g_string_append_printf(hint, "%s%s",
                           i == 0                ? ""
                           : i + 1 < likely->len ? ", "
                                                 : " or ",
                           (char *)g_ptr_array_index(likely, i));
  g_string_append_c(hint, '?');
  return g_string_free(g_steal_pointer(&hint), FALSE);
}

static void
set_unknown(GError **error, const char *text, const char *kind, const char *suffix,
            const char *file, const char *advice)
{
  g_auto(GStrv) names = shipped_names(kind, suffix);
  g_autofree char *hint = hint_of(text, names);

  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "found '%s', expected a name from 'spillway list %s' or the path of %s%s%s%s", text,
              kind, file, hint, *hint == '\0' && *advice != '\0' ? "." : "", advice);
}

/* "Llama-2-7b" of "…/Llama-2-7b/config.json", "mine" of "…/mine.ini". The caller frees it. */
static char *
name_from_path(const char *path)
{
  g_autofree char *base = g_path_get_basename(path);
  g_autofree char *absolute = g_canonicalize_filename(path, NULL);
  g_autofree char *folder = g_path_get_dirname(absolute);
  char *dot = strrchr(base, '.');

  if (g_str_equal(base, CONFIG_FILE)) {
    g_autofree char *name = g_path_get_basename(folder);
    return g_utf8_make_valid(name, -1);
  }
  if (dot != NULL && dot != base)
    *dot = '\0';
  return g_utf8_make_valid(base, -1);
}

char *
resolve_model_file(const char *text)
{
  char *shipped = shipped_file("models", text, ".json");

  if (shipped != NULL)
    return shipped;
  return g_file_test(text, G_FILE_TEST_IS_DIR) ? g_build_filename(text, CONFIG_FILE, NULL)
                                               : g_strdup(text);
}

/* The name under which a shipped model is published, or one that is tuned from it, is no path.
 * FALSE without an error: it is none of these. */
static gboolean
refuse_published(const char *text, GError **error)
{
  g_autofree char *same = shipped_model(text), *tuned = shipped_model_tuned(text);

  if (same == NULL && tuned == NULL)
    return FALSE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "found '%s', which is no file here; the shipped model is called %s%s", text,
              same != NULL ? same : tuned,
              same != NULL ? ""
                           : ", whose layers this one has if it is tuned from it (its context may "
                             "differ), or give its config.json");
  return TRUE;
}

/* The config.json that `text` names, and what to call it. The caller frees both. */
static char *
find_model(const char *text, char **name, GError **error)
{
  char *path = shipped_file("models", text, ".json");

  if (path != NULL) {
    *name = g_strdup(text);
    return path;
  }
  if (!looks_like_path(text, ".json")) {
    if (!refuse_published(text, error))
      set_unknown(error, text, "models", ".json", "a config.json", "");
    return NULL;
  }
  if (!g_file_test(text, G_FILE_TEST_EXISTS) && refuse_published(text, error))
    return NULL;
  path = g_file_test(text, G_FILE_TEST_IS_DIR) ? g_build_filename(text, CONFIG_FILE, NULL)
                                               : g_strdup(text);
  *name = name_from_path(path);
  return path;
}

Model *
resolve_model_quantized(const char *text, const char *quantization, GError **error)
{
  g_autofree char *name = NULL;
  g_autofree char *path = find_model(text, &name, error);

  return path != NULL ? model_config_read_quantized(path, name, quantization, error) : NULL;
}

Model *
resolve_model(const char *text, GError **error)
{
  return resolve_model_quantized(text, NULL, error);
}

DecoderConfig *
resolve_decoder_config(const char *text, GError **error)
{
  g_autofree char *name = NULL;
  g_autofree char *path = find_model(text, &name, error);

  return path != NULL ? decoder_config_read(path, name, error) : NULL;
}

/* How to make a device file. The caller frees the text. */
static char *
own_device_advice(void)
{
  g_autofree char *shipped = shipped_file("devices", "h100-sxm", ".ini");
  g_autofree char *pattern = shipped != NULL ? g_canonicalize_filename(shipped, NULL) : NULL;

  return g_strdup_printf(
      "\nFor hardware of your own copy %s, and give the copy: doc/devices.md says what each "
      "figure is.",
      pattern != NULL ? pattern : "a shipped device file");
}

/* "8xH100", "2 x a100-40gb": so many cards of one. NULL: it is none of these. */
static char *
several_cards_advice(const char *text)
{
  char *end = NULL;
  guint64 n = g_ascii_isdigit(text[0]) ? g_ascii_strtoull(text, &end, 10) : 0;

  if (n == 0 || n > 64)
    return NULL;
  end += strspn(end, " ");
  if (g_ascii_tolower(*end) != 'x' || end[1] == '\0')
    return NULL;
  return g_strdup_printf(
      "\nThe device is one card; several are --tensor-parallel-size %" G_GUINT64_FORMAT
      ", or --data-parallel-size.",
      n);
}

Device *
resolve_device(const char *text, GError **error)
{
  g_autofree char *shipped = shipped_file("devices", text, ".ini");
  g_autofree char *name = NULL;

  if (shipped != NULL)
    return device_read(shipped, text, error);
  if (!looks_like_path(text, ".ini") || !g_file_test(text, G_FILE_TEST_EXISTS)) {
    g_autofree char *several = several_cards_advice(text);
    g_autofree char *advice = several != NULL ? g_steal_pointer(&several) : own_device_advice();
    if (looks_like_path(text, ".ini"))
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
                  "%s: No such file or directory; expected a device file.%s", text, advice);
    else
      set_unknown(error, text, "devices", ".ini", "a device file", advice);
    return NULL;
  }
  name = name_from_path(text);
  return device_read(text, name, error);
}

char **
resolve_device_doubts(const char *text, const Device *device)
{
  g_autofree char *shipped = shipped_file("devices", text, ".ini");

  if (shipped != NULL || !looks_like_path(text, ".ini"))
    return g_new0(char *, 1);
  return device_doubts(device);
}

/* TRUE if some of the profile's tables were measured on the machine. */
static gboolean
has_tables_of(const Profile *profile, const Host *host)
{
  g_autofree char *tables = g_key_file_get_string(host->file->keys, "host", "tables", NULL);
  g_autofree char *device = g_key_file_get_string(host->file->keys, "host", "tables_device", NULL);

  if (tables == NULL || g_strcmp0(device, profile->device) != 0)
    return FALSE;
  for (guint i = 0; i < profile->origins->len; i++)
    if (g_str_has_prefix(g_array_index(profile->origins, ProfileOrigin, i).source, tables))
      return TRUE;
  return FALSE;
}

/* NULL without an error: it is no shipped host's name. */
static Host *
host_of_tables(const Profile *profile, GError **error)
{
  g_auto(GStrv) names = shipped_names("hosts", ".ini");

  for (guint i = 0; names[i] != NULL; i++) {
    g_autofree char *path = shipped_file("hosts", names[i], ".ini");
    g_autoptr(Host) host = host_read(path, names[i], error);
    if (host == NULL)
      return NULL;
    if (has_tables_of(profile, host))
      return g_steal_pointer(&host);
  }
  return NULL;
}

static Host *
default_host(const Device *device, const Profile *profile, GError **error)
{
  g_autoptr(GError) failure = NULL;
  Host *host = profile != NULL ? host_of_tables(profile, &failure) : NULL;
  g_autofree char *path = NULL;

  if (host == NULL && failure == NULL)
    host = host_of_device(device, &failure);
  if (host != NULL)
    return host;
  if (failure != NULL) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return NULL;
  }
  path = shipped_file("hosts", HOST_UNKNOWN, ".ini");
  if (path != NULL)
    return host_read(path, HOST_UNKNOWN, error);
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "the shipped host '%s' is not there; --host names the file of another", HOST_UNKNOWN);
  return NULL;
}

Host *
resolve_host(const char *text, const Device *device, const Profile *profile, GError **error)
{
  g_autofree char *shipped = text != NULL ? shipped_file("hosts", text, ".ini") : NULL;
  g_autofree char *name = NULL;

  if (text == NULL)
    return default_host(device, profile, error);
  if (shipped != NULL)
    return host_read(shipped, text, error);
  if (!looks_like_path(text, ".ini")) {
    set_unknown(error, text, "hosts", ".ini", "a host's file", "");
    g_prefix_error(error,
                   "the machine around the cards, not an address to listen at (vLLM's: leave "
                   "it out): ");
    return NULL;
  }
  name = name_from_path(text);
  return host_read(text, name, error);
}

DiskFigures *
resolve_disk(const char *text, GError **error)
{
  const char *wanted = text != NULL ? text : DISK_DEFAULT;
  g_autofree char *shipped = shipped_file("disks", wanted, ".ini");
  g_autofree char *name = NULL;

  if (shipped != NULL)
    return disk_figures_read(shipped, wanted, error);
  if (!looks_like_path(wanted, ".ini")) {
    set_unknown(error, wanted, "disks", ".ini", "a disk's file", "");
    return NULL;
  }
  name = name_from_path(wanted);
  return disk_figures_read(wanted, name, error);
}

static const char *const profile_suffixes[] = {".csv", ".csv.gz"};

char *
resolve_profile_file(const char *name)
{
  char *path = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(profile_suffixes) && path == NULL; i++)
    path = shipped_file("profiles", name, profile_suffixes[i]);
  return path;
}

char **
resolve_profile_names(void)
{
  GPtrArray *all = g_ptr_array_new();

  for (guint i = 0; i < G_N_ELEMENTS(profile_suffixes); i++) {
    g_autofree char **names = shipped_names("profiles", profile_suffixes[i]);
    for (guint j = 0; names[j] != NULL; j++)
      g_ptr_array_add(all, names[j]);
  }
  return shipped_sort(all);
}

Profile *
resolve_whole_profile(const char *text, GError **error)
{
  g_autofree char *shipped = resolve_profile_file(text);

  if (shipped != NULL)
    return profile_read(shipped, error);
  if (g_str_has_suffix(text, ".db") || g_str_has_suffix(text, ".csv") ||
      g_str_has_suffix(text, ".csv.gz") || profile_file_sniff(text))
    return profile_read(text, error);
  return NULL;
}

/* Keeps one kind of kernels in the profile; the digest stays that of the whole file. */
static gboolean
use_kernels(Profile *profile, const char *kernels, GError **error)
{
  g_autoptr(GError) failure = NULL;

  if (profile->digest_read == NULL) {
    g_autofree const char **kinds = profile_kernels(profile);
    if (kinds[0] != NULL && kinds[1] != NULL)
      profile->digest_read = profile_digest(profile);
  }
  if (profile_use_kernels(profile, kernels, &failure))
    return TRUE;
  g_set_error(error, failure->domain, failure->code,
              "%s, which compute here: set the same SPILLWAY_KERNELS_WITHOUT and "
              "SPILLWAY_PORTABLE_ATTENTION, or calibrate into it with these, too",
              failure->message);
  return FALSE;
}

static Profile *
profile_of_kernels(const char *text, const char *kernels, GError **error)
{
  g_autoptr(Profile) profile = resolve_whole_profile(text, error);

  if (profile == NULL || !use_kernels(profile, kernels, error))
    return NULL;
  return g_steal_pointer(&profile);
}

Profile *
resolve_profile(const char *text, GError **error)
{
  return profile_of_kernels(text, NULL, error);
}

gboolean
resolve_costs(const char *text, const char *kernels, Device **device, Profile **profile,
              GError **error)
{
  g_autoptr(GError) failure = NULL;

  *device = NULL;
  *profile = profile_of_kernels(text, kernels, &failure);
  if (failure != NULL) {
    g_propagate_error(error, g_steal_pointer(&failure));
    return FALSE;
  }
  if (*profile != NULL && *(*profile)->device == '\0') {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "the profile %s does not say on which device it was measured; import it again with "
                "--device",
                text);
    return FALSE;
  }
  *device = resolve_device(*profile != NULL ? (*profile)->device : text, error);
  return *device != NULL;
}

CostModel *
resolve_cost_model(const Profile *profile, const RooflineConfig *config, GError **error)
{
  return profile != NULL ? profile_cost_new(profile, config, error) : roofline_new(config, error);
}
