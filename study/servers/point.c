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

/* Models that have another's layers. */
static const char *const same_models[][2] = {
    {"deepseek-v3", "deepseek-r1"},
    {"deepseek-v3.1", "deepseek-r1"},
    {"deepseek-v3.2-exp", "deepseek-v3.2"},
    {"deepseek-r1-distill-llama-70b", "llama-3.1-70b"},
    {"deepseek-r1-distill-llama-8b", "llama-3.1-8b"},
    {"llama-3.3-70b", "llama-3.1-70b"},
    {"kimi-k2-thinking", "kimi-k2.5"},
    {"kimi-k2.6", "kimi-k2.5"},
    {"minimax-m2.1", "minimax-m2"},
    {"minimax-m2.5", "minimax-m2"},
    {"minimax-m2.7", "minimax-m2"},
    {"glm-4.5", "glm-4.6"},
    {"glm-4.7", "glm-4.6"},
    {"glm-5.1", "glm-5"},
    {"qwen3-coder-30b-a3b", "qwen3-30b-a3b"},
};

static const char *
same_model(const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS(same_models); i++)
    if (g_str_equal(name, same_models[i][0]))
      return same_models[i][1];
  return NULL;
}

/* Cuts one ending off the name that says how its weights are kept or trained, not what layers it
 * has. FALSE: there is none. */
static gboolean
cut_ending(char *name, NameEnds *ends)
{
  static const struct {
    const char *text, *precision;
  } endings[] = {{"-instruct", NULL}, {"-it", NULL},           {"-hf", NULL},
                 {"-thinking", NULL}, {"-0528", NULL},         {"-0324", NULL},
                 {"-0905", NULL},     {"-2507", NULL},         {"-terminus", NULL},
                 {"-v2", NULL},       {"-bf16", NULL},         {"-kv", NULL},
                 {"-fp8", "fp8"},     {"-fp8-dynamic", "fp8"}, {"-nvfp4", "nvfp4"},
                 {"-fp4", "nvfp4"},   {"-int4", "int4"},       {"-w4a16", "int4"}};

  for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
    if (g_str_has_suffix(name, endings[i].text)) {
      name[strlen(name) - strlen(endings[i].text)] = '\0';
      if (endings[i].precision != NULL)
        ends->precision = endings[i].precision;
      ends->has_fp8_kv |= g_str_equal(endings[i].text, "-kv");
      return TRUE;
    }
  return FALSE;
}

/* "meta-llama/Llama-3.1-70B-Instruct-FP8" is called llama-3.1-70b here. Caller frees. */
static char *
short_name(const char *published, NameEnds *ends)
{
  const char *slash = strrchr(published, '/'), *same;
  char *name = g_ascii_strdown(slash != NULL ? slash + 1 : published, -1);

  *ends = (NameEnds){.precision = ""};
  if (g_str_has_prefix(name, "meta-llama-"))
    memmove(name, name + strlen("meta-"), strlen(name) - strlen("meta-") + 1);
  while ((same = same_model(name)) == NULL && cut_ending(name, ends))
    ;
  if (same == NULL)
    return name;
  g_free(name);
  return g_strdup(same);
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

/* One word for the spellings of a precision; itself where it is none of these. */
static const char *
plain_precision(const char *precision)
{
  static const char *const spellings[][2] = {
      {"bfloat16", "bf16"},          {"fp16", "bf16"},      {"float16", "bf16"},
      {"fp8_block", "fp8"},          {"fp8_static", "fp8"}, {"fp4", "nvfp4"},
      {"int4_wo", "int4"},           {"w4a16", "int4"},     {"w4a16_mxfp4", "mxfp4"},
      {"w4a8_mxfp4_mxfp8", "mxfp4"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(spellings); i++)
    if (g_str_equal(precision, spellings[i][0]))
      return spellings[i][1];
  return precision;
}

/* Weights that the file does not quantize itself are quantized as the point says. */
static void
set_quantization(ServerPoint *point, const Model *model, const char *precision, const char *detail)
{
  const char *plain = plain_precision(precision);
  gboolean in_blocks = g_str_equal(detail, "fp8_block") || g_str_equal(precision, "fp8_block");

  if (model->weight_bits < 16) {
    if (model->weight_bits == 8 && (strstr(plain, "fp4") != NULL || g_str_equal(plain, "int4")))
      server_point_refuse(point, "the weights of %s are %s, and the point's %s", model->name,
                          model->dtype, precision);
    return;
  }
  if (*plain == '\0' || g_str_equal(plain, "bf16"))
    return;
  if (g_str_equal(plain, "fp8"))
    server_point_set(point, "quantization", "%s", in_blocks ? "fp8_block" : "fp8");
  else if (g_str_equal(plain, "nvfp4") || g_str_equal(plain, "int4"))
    server_point_set(point, "quantization", "%s", plain);
  else
    server_point_refuse(point, "weights of %s are not simulated", precision);
}

/* Of a model whose file has quantized weights, the file of its checkpoint in NVFP4, where the point
 * says so and there is one; else the same file. */
static char *
checkpoint_of(char *config, const char *name, const char *folder, const char *precision)
{
  g_autofree char *other_name = g_strconcat(name, "-nvfp4", NULL);
  char *other = g_str_equal(plain_precision(precision), "nvfp4")
                    ? find_config(other_name, other_name, folder)
                    : NULL;

  if (other == NULL)
    return config;
  g_free(config);
  return other;
}

void
server_point_set_model(ServerPoint *point, const char *published, const char *folder,
                       const char *precision, const char *detail)
{
  NameEnds ends;
  g_autofree char *name = short_name(published, &ends);
  g_autofree char *config = checkpoint_of(find_config(published, name, folder), name, folder,
                                          *precision != '\0' ? precision : ends.precision);
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
  gsize digits;

  if (g_ascii_tolower(*version) == 'v')
    version++;
  digits = strspn(version, "0123456789.");

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
