#include "server_args.h"

#include "scenario/flags/server_config.h"
#include "scenario/flags/server_shell.h"
#include "scenario/flags/server_words.h"

#include "sim/scheduler.h"

#include <string.h>

/* A negative number is a value. */
static gboolean
is_flag(const char *word)
{
  return word[0] == '-' && word[1] != '\0' && !g_ascii_isdigit(word[1]);
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
takes_word(const ServerArgs *args, const char *name, const char *word)
{
  const ServerFlag *flag = server_flag_find(args->server->flags, name);

  if (word == NULL || is_flag(word) || server_word_ends_command(word))
    return FALSE;
  if (flag != NULL && flag->is_switch)
    return g_ascii_strcasecmp(word, "true") == 0 || g_ascii_strcasecmp(word, "false") == 0;
  return TRUE;
}

static gboolean
takes_list(const ServerArgs *args, const char *name)
{
  static const char *const lists[] = {"served-model-name",   "lora-modules", "cuda-graph-sizes",
                                      "limit-mm-per-prompt", "middleware",   "api-key",
                                      "cuda-graph-bs",       "lora-paths",   NULL};

  return server_flag_find(args->server->flags, name) == NULL || g_strv_contains(lists, name);
}

/* Reads the flag at words[i] with its values. Returns the index of the word behind them, or 0 with
 * an error. */
static guint
read_flag_words(ServerArgs *args, char **words, guint i, GError **error)
{
  char *equals = strchr(words[i], '=');
  g_autofree char *written =
      equals != NULL ? g_strndup(words[i], (gsize)(equals - words[i])) : g_strdup(words[i]);
  g_autofree char *name = flag_name(written);
  const char *value = equals != NULL ? equals + 1 : NULL;

  if (equals == NULL && g_str_has_prefix(written, "-O") && written[2] != '\0') {
    value = written + 2;
  } else if (equals == NULL && takes_word(args, name, words[i + 1])) {
    value = words[++i];
    while (takes_list(args, name) && takes_word(args, name, words[i + 1]))
      i++;
  }
  return server_take_flag(args, args->server->flags, written, name, value, error) ? i + 1 : 0;
}

/* "VLLM_X=1": before flags without a command capitals alone tell it from a model's path. */
static gboolean
is_set_before(const char *word)
{
  gsize length = server_assignment(word);

  return length > 0 && strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789") == length;
}

/* The index of the word behind "X=1 python3 -m dynamo.vllm" and its like, a module that takes an
 * engine's flags; 0: there is none. */
static guint
behind_module(char **words)
{
  g_autofree char *program = NULL;
  guint i = 0;

  while (words[i] != NULL && is_set_before(words[i]))
    i++;
  program = words[i] != NULL ? g_path_get_basename(words[i]) : g_strdup("");
  if (!g_str_has_prefix(program, "python") || g_strcmp0(words[i + 1], "-m") != 0)
    return 0;
  return words[i + 2] != NULL ? i + 3 : 0;
}

/* The index of the server's first own word, behind "VLLM_X=1 vllm serve" or "python -m
 * vllm.entrypoints.openai.api_server". */
static guint
skip_command(ServerArgs *args, char **words)
{
  guint behind = 0;

  for (guint i = 0; words[i] != NULL; i++)
    if (server_starts_at(args->server, words, i))
      behind = i + 1;
  if (behind == 0)
    behind = behind_module(words);
  for (guint i = 0; words[i] != NULL && (i < behind || is_set_before(words[i])); i++) {
    if (server_assignment(words[i]) > 0)
      g_ptr_array_add(args->environment, g_strndup(words[i], server_assignment(words[i])));
    behind = MAX(behind, i + 1);
  }
  return behind;
}

/* Refuses another engine's command line, which has an option of its own. */
static gboolean
check_engine(const ServerArgs *args, char **words, GError **error)
{
  for (const ServerStart *other = server_starts; other < server_starts + SERVER_STARTS; other++)
    for (guint i = 0; other != args->server && words[i] != NULL; i++)
      if ((i > 0 || !g_str_equal(words[i], "serve")) && server_starts_at(other, words, i)) {
        g_autofree char *what =
            g_strdup_printf("found %s's command line, expected %s's; %s takes that", other->engine,
                            args->server->engine, other->origin);
        return server_refuse(args, error, words[i], what);
      }
  return TRUE;
}

/* Refuses a benchmark's command line, which is a client's. */
static gboolean
check_client(const ServerArgs *args, char **words, GError **error)
{
  for (guint i = 0; words[i] != NULL; i++)
    if ((i == 1 && g_str_equal(words[i], "bench")) || strstr(words[i], "bench_serving") != NULL ||
        strstr(words[i], "benchmark_serving") != NULL)
      return server_refuse(args, error, words[i],
                           "found a benchmark's command line, expected a server's; what a client "
                           "sends is typed beside it: --num-prompts, --request-rate, "
                           "--max-concurrency, --random-input-len, --random-output-len");
  return TRUE;
}

/* Variables that are put in their places are not left out. */
static void
forget_used(GPtrArray *environment, const GPtrArray *words, guint first)
{
  for (guint i = environment->len; i > 0; i--)
    if (server_shell_uses(words, first, g_ptr_array_index(environment, i - 1)))
      g_ptr_array_remove_index(environment, i - 1);
}

static gboolean
read_words(ServerArgs *args, GPtrArray *all, GError **error)
{
  gboolean has_model = FALSE;
  char **words = (char **)all->pdata;
  guint first;

  if (!check_engine(args, words, error) || !check_client(args, words, error))
    return FALSE;
  first = skip_command(args, words);
  forget_used(args->environment, all, first);
  if (!server_shell_expand(all, first, error))
    return server_refuse(args, error, "a variable's value", "a quote in it is not closed");
  words = (char **)all->pdata;
  for (guint i = first; words[i] != NULL;) {
    if (server_word_ends_command(words[i])) {
      server_note(args, "%s and what is behind it are the shell's, and left out", words[i]);
      return TRUE;
    }
    if (is_flag(words[i])) {
      i = read_flag_words(args, words, i, error);
      if (i == 0)
        return FALSE;
    } else if (has_model) {
      return server_check_variables(args, words[i], words[i], error) &&
             server_refuse(args, error, words[i], "found this word, expected a flag");
    } else {
      has_model = TRUE;
      if (!server_take_model(args, words[i++], error))
        return FALSE;
    }
  }
  return TRUE;
}

/* Of several sizes of the pool a server takes blocks first, then bytes, then the share. */
static void
keep_one_pool_size(ServerArgs *args)
{
  Settings *settings = args->settings;
  const char *first = NULL;

  for (guint i = 0; i < SERVER_VLLM_POOL_OPTIONS; i++) {
    if (!settings_given(settings, server_pool_options[i]))
      continue;
    if (first == NULL) {
      first = server_pool_options[i];
      continue;
    }
    server_note(args, "--%s gives way to --%s, as in a server", server_pool_options[i], first);
    settings_forget(settings, server_pool_options[i]);
    if (g_str_equal(server_pool_options[i], "kv-memory"))
      g_clear_pointer(&settings->kv_memory, g_free);
  }
}

static void
note_list(ServerArgs *args, const char *format, GPtrArray *list)
{
  g_autofree char *text = NULL;

  if (list->len == 0)
    return;
  g_ptr_array_add(list, NULL);
  text = g_strjoinv(", ", (char **)list->pdata);
  server_note(args, format, text);
}

/* The command line implies the engine. */
static gboolean
take_scheduler(ServerArgs *args, GError **error)
{
  const char *typed = args->settings->scheduler, *scheduler = args->server->scheduler;
  g_autofree char *what = NULL;

  if (scheduler == NULL)
    return TRUE;
  if (!settings_given(args->settings, "scheduler"))
    return server_set(args, scheduler, "scheduler", scheduler, error);
  if (g_strcmp0(typed, scheduler) == 0)
    return TRUE;
  what = g_strdup_printf("is another engine's than %s's command line", args->server->engine);
  return server_refuse(args, error, "--scheduler", what);
}

/* The image that the server is started from, also by `docker run`: "vllm/vllm-openai:v0.11.0".
 * NULL: no image of this engine is named. */
static const char *
image_of(const ServerStart *server, const ServerWords *words)
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
take_version(ServerArgs *args, const char *image, GError **error)
{
  g_autofree char *version = image != NULL ? server_image_version(image) : NULL, *scheduler = NULL;
  g_autoptr(GError) cause = NULL;

  if (args->server->scheduler != NULL && version != NULL)
    server_note(args,
                "of the image %s the version is not taken: of %s one is simulated ('spillway list "
                "schedulers')",
                image, args->server->engine);
  if (args->server->scheduler != NULL || version == NULL)
    return TRUE;
  scheduler = g_strconcat("vllm-", version, NULL);
  if (scheduler_class_from_name(scheduler, &cause) != NULL)
    return server_set(args, image, "scheduler", scheduler, error);
  server_note(args, "of the image %s the version is not taken: %s", image, cause->message);
  return TRUE;
}

static gboolean
apply(Settings *settings, const ServerStart *server, const char *text, GError **error)
{
  g_autoptr(GPtrArray) no_effect = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) environment = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) left_out = server_left_out_new();
  ServerArgs args = {settings, server, no_effect, unknown, environment, left_out, files, FALSE};
  g_autoptr(GError) cause = NULL;
  g_autoptr(ServerWords) words = server_words_read(text, server->image, &cause);

  if (words == NULL)
    return server_refuse(&args, error, "found no command line", cause->message);
  if (!take_scheduler(&args, error) || !take_version(&args, image_of(server, words), error) ||
      !read_words(&args, words->words, error))
    return FALSE;
  for (guint i = 0; i < files->len; i++)
    if (!server_config_read(&args, g_ptr_array_index(files, i), error))
      return FALSE;
  keep_one_pool_size(&args);
  server_note_left_out(&args);
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
    if (texts[i] != NULL && !apply(settings, &server_starts[i], texts[i], error))
      return FALSE;
  return TRUE;
}
