#include "point.h"

#include <math.h>
#include <string.h>

#include "scenario/resolve.h"
#include "scenario/shipped.h"
#include "traces/shell_word.h"

ServerPoint *
server_point_new(const char *id)
{
  ServerPoint *point = g_new0(ServerPoint, 1);

  point->id = g_strdup(id);
  point->card = g_strdup("");
  point->engine = g_strdup("");
  point->model = g_strdup("");
  point->precision = g_strdup("");
  point->tp = 1;
  point->published_ttft_ms = point->published_tpot_ms = NAN;
  point->predicted_ttft_ms = point->predicted_tpot_ms = NAN;
  point->options = g_ptr_array_new_with_free_func(g_free);
  return point;
}

void
server_point_free(gpointer data)
{
  ServerPoint *point = data;

  g_free(point->id);
  g_free(point->card);
  g_free(point->engine);
  g_free(point->model);
  g_free(point->precision);
  g_ptr_array_unref(point->options);
  g_free(point->refused);
  g_free(point->doubt);
  g_free(point);
}

void
server_point_set(ServerPoint *point, const char *option, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  g_ptr_array_add(point->options, g_strdup(option));
  g_ptr_array_add(point->options, g_strdup_vprintf(format, args));
  va_end(args);
}

void
server_point_refuse(ServerPoint *point, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  if (point->refused == NULL)
    point->refused = g_strdup_vprintf(format, args);
  va_end(args);
}

void
server_point_doubt(ServerPoint *point, const GPtrArray *doubts)
{
  for (guint i = 0; i < doubts->len; i++) {
    g_autofree char *before = g_steal_pointer(&point->doubt);
    const char *text = g_ptr_array_index(doubts, i);
    point->doubt = before == NULL ? g_strdup(text) : g_strjoin("; ", before, text, NULL);
  }
}

/* Whether an option that the user gave stands in place of the point's. */
static gboolean
is_overruled(const char *option, const Settings *given)
{
  static const char *const instead[][2] = {
      {"num-prompts", "trace"},
      {"random-input-len", "trace"},
      {"random-output-len", "trace"},
      {"enable-prefix-caching", "no-enable-prefix-caching"},
      {"no-enable-prefix-caching", "enable-prefix-caching"},
      {"async-scheduling", "no-async-scheduling"},
  };

  if (settings_given(given, option))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(instead); i++)
    if (g_str_equal(option, instead[i][0]) && settings_given(given, instead[i][1]))
      return TRUE;
  return FALSE;
}

static gboolean
is_switch(const char *value)
{
  return *value == '\0';
}

static void
name_by(char **name, const char *given)
{
  if (**name != '\0' || given == NULL)
    return;
  g_free(*name);
  *name = g_strdup(given);
}

void
server_point_name(ServerPoint *point, const Settings *given)
{
  name_by(&point->card, given->device);
  name_by(&point->model, given->model);
}

Settings *
server_point_settings(const ServerPoint *point, const Settings *given, GError **error)
{
  Settings *settings = settings_copy(given);

  for (guint i = 0; i < point->options->len; i += 2) {
    const char *option = g_ptr_array_index(point->options, i);
    const char *value = g_ptr_array_index(point->options, i + 1);
    if (!is_overruled(option, given) &&
        !settings_set(settings, option, is_switch(value) ? NULL : value, error)) {
      settings_free(settings);
      return NULL;
    }
  }
  return settings;
}

static void
append_option(GString *command, const char *option, const char *value)
{
  g_autofree char *word = NULL;

  g_string_append_printf(command, " --%s", option);
  if (is_switch(value))
    return;
  word = shell_word(value);
  g_string_append_printf(command, " %s", word);
}

char *
server_point_command(const ServerPoint *point, const Settings *given)
{
  GString *command = g_string_new("spillway run");
  g_autofree const char **names = settings_names();

  for (guint i = 0; names[i] != NULL; i++) {
    g_autofree char *typed = settings_typed_text(given, names[i]);
    if (typed != NULL)
      append_option(command, names[i], typed);
  }
  for (guint i = 0; i < point->options->len; i += 2) {
    const char *option = g_ptr_array_index(point->options, i);
    const char *value = g_ptr_array_index(point->options, i + 1);
    if (!is_overruled(option, given))
      append_option(command, option, value);
  }
  return g_string_free(command, FALSE);
}

/* What the suffixes of a published name say. */
typedef struct {
  const char *precision; /* "fp8", "nvfp4"; "": nothing */
  gboolean has_fp8_kv;
} NameEnds;

/* "meta-llama/Llama-3.1-70B-Instruct-FP8" is called llama-3.1-70b here. Caller frees. */
static char *
short_name(const char *published, NameEnds *ends)
{
  static const struct {
    const char *text, *precision;
  } suffixes[] = {{"-instruct", NULL}, {"-it", NULL},    {"-hf", NULL},           {"-0528", NULL},
                  {"-0324", NULL},     {"-fp8", "fp8"},  {"-fp8-dynamic", "fp8"}, {"-kv", NULL},
                  {"-nvfp4", "nvfp4"}, {"-fp4", "nvfp4"}};
  static const char *const same[][2] = {{"deepseek-v3", "deepseek-r1"},
                                        {"deepseek-v3.1", "deepseek-r1"},
                                        {"llama-3.3-70b", "llama-3.1-70b"}};
  const char *slash = strrchr(published, '/');
  char *name = g_ascii_strdown(slash != NULL ? slash + 1 : published, -1);
  gboolean again = TRUE;

  *ends = (NameEnds){.precision = ""};
  if (g_str_has_prefix(name, "meta-llama-"))
    memmove(name, name + strlen("meta-"), strlen(name) - strlen("meta-") + 1);
  while (again) {
    again = FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++)
      if (g_str_has_suffix(name, suffixes[i].text)) {
        name[strlen(name) - strlen(suffixes[i].text)] = '\0';
        if (suffixes[i].precision != NULL)
          ends->precision = suffixes[i].precision;
        ends->has_fp8_kv |= g_str_equal(suffixes[i].text, "-kv");
        again = TRUE;
      }
  }
  for (guint i = 0; i < G_N_ELEMENTS(same); i++)
    if (g_str_equal(name, same[i][0])) {
      g_free(name);
      return g_strdup(same[i][1]);
    }
  return name;
}

/* The name of a model that ships, or the path of its file in the folder; NULL: neither. */
static char *
find_config(const char *published, const char *name, const char *folder)
{
  const char *slash = strrchr(published, '/'), *base = slash != NULL ? slash + 1 : published;
  g_autofree char *shipped = shipped_file("models", name, ".json");
  const char *const forms[][2] = {{published, "/config.json"},
                                  {base, "/config.json"},
                                  {base, ".json"},
                                  {name, "/config.json"},
                                  {name, ".json"}};

  for (guint i = 0; folder != NULL && i < G_N_ELEMENTS(forms); i++) {
    g_autofree char *file = g_strconcat(forms[i][0], forms[i][1], NULL);
    g_autofree char *path = g_build_filename(folder, file, NULL);
    if (g_file_test(path, G_FILE_TEST_EXISTS))
      return g_steal_pointer(&path);
  }
  if (shipped != NULL)
    return g_strdup(name);
  return g_file_test(published, G_FILE_TEST_EXISTS) ? g_strdup(published) : NULL;
}

/* Weights that the file does not quantize itself are quantized as the point says. */
static void
set_quantization(ServerPoint *point, const Model *model, const char *precision, const char *detail)
{
  if (model->weight_bits < 16) {
    if (model->weight_bits == 8 && strstr(precision, "fp4") != NULL)
      server_point_refuse(point, "the weights of %s are %s, and the point's %s", model->name,
                          model->dtype, precision);
    return;
  }
  if (*precision == '\0' || g_str_equal(precision, "bf16") || g_str_equal(precision, "fp16"))
    return;
  if (g_str_equal(precision, "fp8"))
    server_point_set(point, "quantization", "%s",
                     g_str_equal(detail, "fp8_block") ? "fp8_block" : "fp8");
  else if (g_str_equal(precision, "fp4") || g_str_equal(precision, "nvfp4"))
    server_point_set(point, "quantization", "nvfp4");
  else
    server_point_refuse(point, "weights of %s are not simulated", precision);
}

void
server_point_set_model(ServerPoint *point, const char *published, const char *folder,
                       const char *precision, const char *detail)
{
  NameEnds ends;
  g_autofree char *name = short_name(published, &ends);
  g_autofree char *config = find_config(published, name, folder);
  g_autoptr(GError) error = NULL;
  g_autoptr(Model) model = NULL;

  g_free(point->model);
  point->model = g_strdup(published);
  g_free(point->precision);
  point->precision = g_strdup(precision);
  if (config == NULL) {
    server_point_refuse(
        point, "there is no model %s; --model-dir names a folder with its config.json", published);
    return;
  }
  server_point_set(point, "model", "%s", config);
  model = resolve_model(config, &error);
  if (model == NULL) {
    server_point_refuse(point, "%s", error->message);
    return;
  }
  point->has_experts = model->experts > 0;
  set_quantization(point, model, *precision != '\0' ? precision : ends.precision, detail);
  if (*precision == '\0' && ends.has_fp8_kv && model->kv_bits == 16)
    server_point_set(point, "kv-cache-dtype", "fp8");
  if (*precision == '\0') {
    const char *kept = model->weight_bits < 16   ? model->dtype
                       : *ends.precision != '\0' ? ends.precision
                                                 : "bf16";
    g_free(point->precision);
    point->precision = g_strdup(kept);
  }
}

void
server_point_set_engine(ServerPoint *point, const char *engine, const char *version)
{
  gsize digits = strspn(version, "0123456789.");

  while (digits > 0 && version[digits - 1] == '.')
    digits--;
  g_free(point->engine);
  point->engine = g_strdup(engine);
  if (g_str_equal(engine, "vllm") && digits > 0)
    server_point_set(point, "scheduler", "vllm-%.*s", (int)digits, version);
  else if (g_str_equal(engine, "vllm") || g_str_equal(engine, "sglang") ||
           g_str_equal(engine, "trtllm"))
    server_point_set(point, "scheduler", "%s", engine);
  else
    server_point_refuse(point, "the engine %s is not simulated", engine);
}
