#include "server_args.h"

#include "scenario/flags/server_flags.h"
#include "scenario/flags/server_words.h"
#include "shipped.h"
#include "typed.h"

#include "sim/scheduler.h"

#include <string.h>

/* How an engine's servers are started. */
typedef struct {
  const char *option, *origin; /* our option for its command line, without and with dashes */
  const char *engine;
  const char *scheduler; /* that it implies; NULL: one of vLLM's versions */
  const char *program;   /* that starts it: a word, or its last part behind a slash */
  const char *module;    /* or what follows "python -m": how the word begins */
  const char *image;     /* docker's: a part of the word */
  const ServerFlag *flags;
} Server;

static const Server servers[] = {
    {"vllm-args", "--vllm-args", "vLLM", NULL, "vllm", "vllm.entrypoints", "vllm-openai",
     vllm_flags},
    {"sglang-args", "--sglang-args", "SGLang", "sglang", "sglang", "sglang.launch_server",
     "lmsysorg/sglang", sglang_flags},
    {"trtllm-args", "--trtllm-args", "TensorRT-LLM", "trtllm", "trtllm-serve",
     "tensorrt_llm.commands", "tensorrt-llm/release", trtllm_flags},
};

typedef struct {
  Settings *settings;
  const Server *server;
  GPtrArray *no_effect, *unknown, *environment; /* of char*: flags as they were written */
} Args;

static gboolean
refuse(const Args *args, GError **error, const char *word, const char *what)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s: %s", args->server->origin,
              word, what);
  return FALSE;
}

static void note(Args *args, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
note(Args *args, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list list;

  va_start(list, format);
  text = g_strdup_vprintf(format, list);
  va_end(list);
  g_ptr_array_add(args->settings->notes, g_strdup_printf("%s: %s", args->server->origin, text));
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

  return origin != NULL && !g_str_equal(origin, args->server->origin);
}

/* "x" for "no-x", "no-x" for "x"; the caller frees it. */
static char *
opposite(const char *option)
{
  return g_str_has_prefix(option, "no-") ? g_strdup(option + 3) : g_strconcat("no-", option, NULL);
}

/* Options that size the pool: a typed one replaces all that were pasted. */
enum { VLLM_POOL_OPTIONS = 3 };
static const char *const pool_options[] = {"num-gpu-blocks",         "kv-memory",
                                           "gpu-memory-utilization", "max-total-tokens",
                                           "mem-fraction-static",    NULL};

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

static gboolean
set(Args *args, const char *written, const char *option, const char *value, GError **error)
{
  g_autoptr(GError) cause = NULL;

  if (gives_way(args, option)) {
    note(args, "%s%s%s gives way to what was typed", written, value != NULL ? " " : "",
         value != NULL ? value : "");
    return TRUE;
  }
  if (!settings_set(args->settings, option, value, &cause)) {
    g_set_error(error, cause->domain, cause->code, "%s: %s", args->server->origin, cause->message);
    return FALSE;
  }
  settings_set_origin(args->settings, option, args->server->origin);
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
       "the model %s does not ship with Spillway: give its config.json as "
       "--model%s%s%s",
       value, from != NULL ? ", or --model " : "", from != NULL ? from : "",
       from != NULL
           ? ", whose layers it has if it is tuned from that; its context may differ, and what its "
             "weights are kept as (--quantization)"
           : "");
  return TRUE;
}

static gboolean
take(Args *args, const ServerFlag *flag, const char *written, const char *value, GError **error)
{
  const char *option = flag->option != NULL ? flag->option : flag->name;
  g_autofree char *plain = NULL;

  if (g_str_equal(flag->name, "use-v2-block-manager"))
    return set(args, written, option, "2", error);
  if (flag->is_switch)
    return set(args, written, option, value, error);
  if (value == NULL)
    return refuse(args, error, written, "found nothing, expected its value");
  if (g_str_equal(option, "model"))
    return take_model(args, value, error);
  if (g_str_equal(option, "max-model-len") &&
      (g_str_equal(value, "auto") || g_str_equal(value, "-1"))) {
    note(args, "%s %s: the model's, or what the pool holds, as by default", written, value);
    return TRUE;
  }
  if (g_str_equal(flag->name, "max-model-len") ||
      g_str_equal(flag->name, "max-num-batched-tokens") ||
      g_str_equal(flag->name, "kv-cache-memory-bytes"))
    plain = server_word_count(value);
  return set(args, written, option, plain != NULL ? plain : value, error);
}

static gboolean
read_flag(Args *args, const char *written, const char *name, const char *value, GError **error)
{
  const ServerFlag *flag = server_flag_find(args->server->flags, name);

  if (flag == NULL)
    g_ptr_array_add(args->unknown, g_strdup(written));
  else if (flag->use == FLAG_TAKEN)
    return take(args, flag, written, value, error);
  else if (flag->use == FLAG_NO_EFFECT || (value != NULL && g_strcmp0(flag->harmless, value) == 0))
    g_ptr_array_add(args->no_effect, g_strdup(written));
  else
    note(args, "%s is left out: %s", written, flag->advice);
  return TRUE;
}

/* The flag's name as in the table. "-O3" is vLLM's "-O 3". The caller frees it. */
static char *
flag_name(const char *written)
{
  if (g_str_has_prefix(written, "-O"))
    return g_strdup("O");
  return g_strdelimit(g_strdup(written + strspn(written, "-")), "_", '-');
}

/* The words of a flag's value. A switch takes the next word only if it is true or false, as in vLLM
 * 0.5; an unknown flag all words up to the next flag, as some of vLLM's do. */
static gboolean
takes_word(const Args *args, const char *name, const char *word)
{
  const ServerFlag *flag = server_flag_find(args->server->flags, name);

  if (word == NULL || is_flag(word) || server_word_ends_command(word))
    return FALSE;
  if (flag != NULL && flag->is_switch)
    return g_ascii_strcasecmp(word, "true") == 0 || g_ascii_strcasecmp(word, "false") == 0;
  return TRUE;
}

static gboolean
takes_list(const Args *args, const char *name)
{
  static const char *const lists[] = {"served-model-name",   "lora-modules", "cuda-graph-sizes",
                                      "limit-mm-per-prompt", "middleware",   "api-key",
                                      "cuda-graph-bs",       "lora-paths",   NULL};

  return server_flag_find(args->server->flags, name) == NULL || g_strv_contains(lists, name);
}

/* Reads the flag at words[i] with its values. Returns the index of the word behind them, or 0 with
 * an error. */
static guint
read_flag_words(Args *args, char **words, guint i, GError **error)
{
  char *equals = strchr(words[i], '=');
  g_autofree char *written =
      equals != NULL ? g_strndup(words[i], (gsize)(equals - words[i])) : g_strdup(words[i]);
  g_autofree char *name = flag_name(written);
  const char *value = equals != NULL ? equals + 1 : NULL;

  if (equals == NULL && takes_word(args, name, words[i + 1])) {
    value = words[++i];
    while (takes_list(args, name) && takes_word(args, name, words[i + 1]))
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

/* "sglang", "/opt/bin/vllm". */
static gboolean
is_program(const char *word, const char *program)
{
  gsize behind = strlen(word) - MIN(strlen(word), strlen(program));

  return g_str_equal(word + behind, program) && (behind == 0 || word[behind - 1] == '/');
}

/* TRUE if the server's own words begin behind this one: "vllm serve", "python -m
 * sglang.launch_server", "trtllm-serve". */
static gboolean
starts(const Server *server, char **words, guint i)
{
  const gboolean is_own = g_str_has_suffix(server->program, "-serve");

  return g_str_has_prefix(words[i], server->module) || strstr(words[i], server->image) != NULL ||
         (is_own && is_program(words[i], server->program)) ||
         (!is_own && g_str_equal(words[i], "serve") &&
          (i == 0 || is_program(words[i - 1], server->program)));
}

/* The index of the server's first own word, behind "VLLM_X=1 vllm serve" or "python -m
 * vllm.entrypoints.openai.api_server". */
static guint
skip_command(Args *args, char **words)
{
  guint behind = 0;

  for (guint i = 0; words[i] != NULL; i++)
    if (starts(args->server, words, i))
      behind = i + 1;
  for (guint i = 0; words[i] != NULL && (i < behind || is_assignment(words[i])); i++) {
    if (is_assignment(words[i]))
      g_ptr_array_add(args->environment, g_strndup(words[i], strcspn(words[i], "=")));
    behind = MAX(behind, i + 1);
  }
  return behind;
}

/* Refuses another engine's command line, which has an option of its own. */
static gboolean
check_engine(const Args *args, char **words, GError **error)
{
  for (guint n = 0; n < G_N_ELEMENTS(servers); n++)
    for (guint i = 0; &servers[n] != args->server && words[i] != NULL; i++)
      if ((i > 0 || !g_str_equal(words[i], "serve")) && starts(&servers[n], words, i)) {
        g_autofree char *what =
            g_strdup_printf("found %s's command line, expected %s's; %s takes that",
                            servers[n].engine, args->server->engine, servers[n].origin);
        return refuse(args, error, words[i], what);
      }
  return TRUE;
}

static gboolean
read_words(Args *args, char **words, GError **error)
{
  gboolean has_model = FALSE;

  if (!check_engine(args, words, error))
    return FALSE;
  for (guint i = skip_command(args, words); words[i] != NULL;) {
    if (server_word_ends_command(words[i])) {
      note(args, "%s and what is behind it are the shell's, and left out", words[i]);
      return TRUE;
    }
    if (is_flag(words[i])) {
      i = read_flag_words(args, words, i, error);
      if (i == 0)
        return FALSE;
    } else if (has_model) {
      return refuse(args, error, words[i], "found this word, expected a flag");
    } else {
      has_model = TRUE;
      if (!take_model(args, words[i++], error))
        return FALSE;
    }
  }
  return TRUE;
}

/* Of several sizes of the pool a server takes blocks first, then bytes, then the share. */
static void
keep_one_pool_size(Args *args)
{
  Settings *settings = args->settings;
  const char *first = NULL;

  for (guint i = 0; i < VLLM_POOL_OPTIONS; i++) {
    if (!settings_given(settings, pool_options[i]))
      continue;
    if (first == NULL) {
      first = pool_options[i];
      continue;
    }
    note(args, "--%s gives way to --%s, as in a server", pool_options[i], first);
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

/* The command line implies the engine. */
static gboolean
take_scheduler(Args *args, GError **error)
{
  const char *typed = args->settings->scheduler, *scheduler = args->server->scheduler;
  g_autofree char *what = NULL;

  if (scheduler == NULL)
    return TRUE;
  if (!settings_given(args->settings, "scheduler"))
    return set(args, scheduler, "scheduler", scheduler, error);
  if (g_strcmp0(typed, scheduler) == 0)
    return TRUE;
  what = g_strdup_printf("is another engine's than %s's command line", args->server->engine);
  return refuse(args, error, "--scheduler", what);
}

/* The image that the server is started from, also by `docker run`: "vllm/vllm-openai:v0.11.0".
 * NULL: no image of this engine is named. */
static const char *
image_of(const Server *server, const ServerWords *words)
{
  if (words->image != NULL)
    return words->image;
  for (char **word = (char **)words->words->pdata; *word != NULL; word++)
    if (strstr(*word, server->image) != NULL)
      return *word;
  return NULL;
}

/* The version of vLLM is that of its image, if that has one. */
static gboolean
take_version(Args *args, const char *image, GError **error)
{
  g_autofree char *version = image != NULL ? server_image_version(image) : NULL, *scheduler = NULL;
  g_autoptr(GError) cause = NULL;

  if (args->server->scheduler != NULL || version == NULL)
    return TRUE;
  scheduler = g_strconcat("vllm-", version, NULL);
  if (scheduler_class_from_name(scheduler, &cause) != NULL)
    return set(args, image, "scheduler", scheduler, error);
  note(args, "of the image %s the version is not taken: %s", image, cause->message);
  return TRUE;
}

static gboolean
apply(Settings *settings, const Server *server, const char *text, GError **error)
{
  g_autoptr(GPtrArray) no_effect = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) environment = g_ptr_array_new_with_free_func(g_free);
  Args args = {settings, server, no_effect, unknown, environment};
  g_autoptr(GError) cause = NULL;
  g_autoptr(ServerWords) words = server_words_read(text, server->image, &cause);

  if (words == NULL)
    return refuse(&args, error, "found no command line", cause->message);
  if (!take_scheduler(&args, error) || !take_version(&args, image_of(server, words), error) ||
      !read_words(&args, (char **)words->words->pdata, error))
    return FALSE;
  keep_one_pool_size(&args);
  note_list(&args, "left out, as they change nothing that is simulated: %s", no_effect);
  note_list(&args, "not known, and left out: %s", unknown);
  note_list(&args, "variables of the environment are left out: %s", environment);
  return TRUE;
}

gboolean
server_args_apply(Settings *settings, GError **error)
{
  const char *const texts[] = {settings->vllm_args, settings->sglang_args, settings->trtllm_args};
  guint given = 0;

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    given += texts[i] != NULL;
  if (given > 1) {
    g_set_error(
        error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--vllm-args, --sglang-args, --trtllm-args: a run is of one server, and there are %u",
        given);
    return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    if (texts[i] != NULL && !apply(settings, &servers[i], texts[i], error))
      return FALSE;
  return TRUE;
}
