#include "vllm_args.h"

#include "shipped.h"
#include "typed.h"
#include "vllm_flags.h"

#include <string.h>

typedef struct {
  Settings *settings;
  GPtrArray *no_effect, *unknown, *environment; /* of char*: flags as they were written */
} Args;

static gboolean
refuse(GError **error, const char *word, const char *what)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--vllm-args: %s: %s", word, what);
  return FALSE;
}

static void note(Args *args, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
note(Args *args, const char *format, ...)
{
  va_list list;

  va_start(list, format);
  g_ptr_array_add(args->settings->notes, g_strdup_vprintf(format, list));
  va_end(list);
}

/* A negative number is a value. */
static gboolean
is_flag(const char *word)
{
  return word[0] == '-' && word[1] != '\0' && !g_ascii_isdigit(word[1]);
}

static gboolean
is_typed(const Args *args, const char *option)
{
  const char *origin = settings_origin(args->settings, option);

  return origin != NULL && !g_str_equal(origin, VLLM_ARGS_ORIGIN);
}

/* "x" of "no-x", "no-x" of "x"; the caller frees it. */
static char *
opposite(const char *option)
{
  return g_str_has_prefix(option, "no-") ? g_strdup(option + 3) : g_strconcat("no-", option, NULL);
}

/* The pool's size: whatever of it was typed takes the place of all that was pasted. */
static const char *const pool_options[] = {"num-gpu-blocks", "kv-memory", "gpu-memory-utilization",
                                           NULL};

static gboolean
gives_way(const Args *args, const char *option)
{
  g_autofree char *other = opposite(option);

  if (g_strv_contains(pool_options, option))
    for (guint i = 0; pool_options[i] != NULL; i++)
      if (is_typed(args, pool_options[i]))
        return TRUE;
  return is_typed(args, option) || is_typed(args, other);
}

/* vLLM counts in decimal thousands, 16k, and in binary ones, 16K. What is no such number is left to
 * the option, which says so. */
static char *
plain_count(const char *value)
{
  static const struct {
    char letter;
    double factor;
  } units[] = {{'k', 1e3}, {'m', 1e6}, {'g', 1e9}, {'K', 0x1p10}, {'M', 0x1p20}, {'G', 0x1p30}};
  gsize length = strlen(value);
  g_autofree char *number = NULL;
  double amount;

  for (guint i = 0; length > 1 && i < G_N_ELEMENTS(units); i++)
    if (value[length - 1] == units[i].letter) {
      number = g_strndup(value, length - 1);
      if (typed_real(number, "", 0, 1e9, &amount, NULL))
        return g_strdup_printf("%.0f", amount * units[i].factor);
    }
  return g_strdup(value);
}

static gboolean
set(Args *args, const char *written, const char *option, const char *value, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (gives_way(args, option)) {
    note(args, "--vllm-args: %s%s%s gives way to what was typed", written, value != NULL ? " " : "",
         value != NULL ? value : "");
    return TRUE;
  }
  if (!settings_set(args->settings, option, value, &cause)) {
    g_set_error(error, cause->domain, cause->code, "--vllm-args: %s", cause->message);
    return FALSE;
  }
  settings_set_origin(args->settings, option, VLLM_ARGS_ORIGIN);
  return TRUE;
}

static gboolean
take_model(Args *args, const char *value, GError **error)
{
  g_autofree char *name = shipped_model(value), *from = NULL;

  if (is_typed(args, "model"))
    return TRUE;
  if (name != NULL || g_file_test(value, G_FILE_TEST_EXISTS))
    return set(args, "model", "model", name != NULL ? name : value, error);
  from = shipped_model_tuned(value);
  note(args,
       "--vllm-args: the model %s does not ship with Spillway: give its config.json as "
       "--model%s%s%s",
       value, from != NULL ? ", or --model " : "", from != NULL ? from : "",
       from != NULL
           ? ", whose layers it has if it is tuned from that; its context may differ, and what its "
             "weights are kept as (--quantization)"
           : "");
  return TRUE;
}

static gboolean
take(Args *args, const VllmFlag *flag, const char *written, const char *value, GError **error)
{
  const char *option = flag->option != NULL ? flag->option : flag->name;
  g_autofree char *plain = NULL;

  if (g_str_equal(flag->name, "use-v2-block-manager"))
    return set(args, written, option, "2", error);
  if (flag->is_switch)
    return set(args, written, option, value, error);
  if (value == NULL)
    return refuse(error, written, "found nothing, expected its value");
  if (g_str_equal(flag->name, "model"))
    return take_model(args, value, error);
  if (g_str_equal(flag->name, "max-model-len") &&
      (g_str_equal(value, "auto") || g_str_equal(value, "-1"))) {
    note(args, "--vllm-args: %s %s: the model's, or what the pool holds, as by default", written,
         value);
    return TRUE;
  }
  if (g_str_equal(flag->name, "max-model-len") ||
      g_str_equal(flag->name, "max-num-batched-tokens") ||
      g_str_equal(flag->name, "kv-cache-memory-bytes"))
    plain = plain_count(value);
  return set(args, written, option, plain != NULL ? plain : value, error);
}

static gboolean
read_flag(Args *args, const char *written, const char *name, const char *value, GError **error)
{
  const VllmFlag *flag = vllm_flag_find(name);

  if (flag == NULL)
    g_ptr_array_add(args->unknown, g_strdup(written));
  else if (flag->use == VLLM_TAKEN)
    return take(args, flag, written, value, error);
  else if (flag->use == VLLM_NO_EFFECT || (value != NULL && g_strcmp0(flag->harmless, value) == 0))
    g_ptr_array_add(args->no_effect, g_strdup(written));
  else
    note(args, "--vllm-args: %s is left out: %s", written, flag->advice);
  return TRUE;
}

/* The flag's name as the table has it. "-O3" is vLLM's "-O 3". The caller frees it. */
static char *
flag_name(const char *written)
{
  if (g_str_has_prefix(written, "-O"))
    return g_strdup("O");
  return g_strdelimit(g_strdup(written + strspn(written, "-")), "_", '-');
}

/* A switch takes a word only if it is true or false, as in vLLM 0.5; a flag that is not known all
 * words up to the next one, as some of vLLM's do. */
static gboolean
takes_word(const char *name, const char *word)
{
  const VllmFlag *flag = vllm_flag_find(name);

  if (word == NULL || is_flag(word))
    return FALSE;
  if (flag != NULL && flag->is_switch)
    return g_ascii_strcasecmp(word, "true") == 0 || g_ascii_strcasecmp(word, "false") == 0;
  return TRUE;
}

static gboolean
takes_list(const char *name)
{
  static const char *const lists[] = {"served-model-name",
                                      "lora-modules",
                                      "cuda-graph-sizes",
                                      "limit-mm-per-prompt",
                                      "middleware",
                                      "api-key",
                                      NULL};

  return vllm_flag_find(name) == NULL || g_strv_contains(lists, name);
}

/* Reads the flag at words[i] with its values; the index of the word behind them. 0: an error. */
static guint
read_flag_words(Args *args, char **words, guint i, GError **error)
{
  char *equals = strchr(words[i], '=');
  g_autofree char *written =
      equals != NULL ? g_strndup(words[i], (gsize)(equals - words[i])) : g_strdup(words[i]);
  g_autofree char *name = flag_name(written);
  const char *value = equals != NULL ? equals + 1 : NULL;

  if (equals == NULL && takes_word(name, words[i + 1])) {
    value = words[++i];
    while (takes_list(name) && takes_word(name, words[i + 1]))
      i++;
  }
  return read_flag(args, written, name, value, error) ? i + 1 : 0;
}

static gboolean
is_assignment(const char *word)
{
  const char *equals = strchr(word, '=');

  return equals != NULL && equals > word &&
         strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == (gsize)(equals - word);
}

/* What is before the server's own words: "VLLM_X=1 vllm serve", "python -m
 * vllm.entrypoints.openai.api_server". The index behind it. */
static guint
skip_command(Args *args, char **words)
{
  guint behind = 0;

  for (guint i = 0; words[i] != NULL; i++)
    if (g_str_has_prefix(words[i], "vllm.entrypoints") ||
        strstr(words[i], "vllm-openai") != NULL || /* docker's image */
        (g_str_equal(words[i], "serve") && (i == 0 || g_str_has_suffix(words[i - 1], "vllm"))))
      behind = i + 1;
  for (guint i = 0; words[i] != NULL && (i < behind || is_assignment(words[i])); i++) {
    if (is_assignment(words[i]))
      g_ptr_array_add(args->environment, g_strndup(words[i], strcspn(words[i], "=")));
    behind = MAX(behind, i + 1);
  }
  return behind;
}

static gboolean
read_words(Args *args, char **words, GError **error)
{
  gboolean has_model = FALSE;

  for (guint i = 0; words[i] != NULL; i++)
    if (g_str_has_prefix(words[i], "sglang"))
      return refuse(
          error, words[i],
          "found SGLang's command line, expected vLLM's; --scheduler sglang takes SGLang's "
          "options by their own names, as 'spillway run --help' lists them");
  for (guint i = skip_command(args, words); words[i] != NULL;) {
    if (is_flag(words[i])) {
      i = read_flag_words(args, words, i, error);
      if (i == 0)
        return FALSE;
    } else if (has_model) {
      return refuse(error, words[i], "found this word, expected a flag");
    } else {
      has_model = TRUE;
      if (!take_model(args, words[i++], error))
        return FALSE;
    }
  }
  return TRUE;
}

/* A server takes the blocks before the bytes, and those before the share. */
static void
keep_one_pool_size(Args *args)
{
  Settings *settings = args->settings;
  const char *first = NULL;

  for (guint i = 0; pool_options[i] != NULL; i++) {
    if (!settings_given(settings, pool_options[i]))
      continue;
    if (first == NULL) {
      first = pool_options[i];
      continue;
    }
    note(args, "--vllm-args: --%s gives way to --%s, as in a server", pool_options[i], first);
    settings_forget(settings, pool_options[i]);
    if (g_str_equal(pool_options[i], "kv-memory"))
      g_clear_pointer(&settings->kv_memory, g_free);
  }
}

static void
note_list(Args *args, const char *format, GPtrArray *list)
{
  g_autofree char *text = NULL;

  if (list->len == 0)
    return;
  g_ptr_array_add(list, NULL);
  text = g_strjoinv(", ", (char **)list->pdata);
  note(args, format, text);
}

gboolean
vllm_args_apply(Settings *settings, GError **error)
{
  g_autoptr(GPtrArray) no_effect = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) environment = g_ptr_array_new_with_free_func(g_free);
  Args args = {settings, no_effect, unknown, environment};
  g_auto(GStrv) words = NULL;
  g_autoptr(GError) cause = NULL;

  if (settings->vllm_args == NULL)
    return TRUE;
  if (!g_shell_parse_argv(settings->vllm_args, NULL, &words, &cause))
    return refuse(error, "found no command line", cause->message);
  if (!read_words(&args, words, error))
    return FALSE;
  keep_one_pool_size(&args);
  note_list(&args, "--vllm-args: left out, as they change nothing that is simulated: %s",
            no_effect);
  note_list(&args, "--vllm-args: not known, and left out: %s", unknown);
  note_list(&args, "--vllm-args: variables of the environment are left out: %s", environment);
  return TRUE;
}
