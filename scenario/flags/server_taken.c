#include "server_taken.h"

#include "server_context.h"
#include "server_shell.h"
#include "server_words.h"
#include "scenario/shipped.h"

#include "sim/scheduler.h"

#include <string.h>

gboolean
server_refuse(const ServerArgs *args, GError **error, const char *word, const char *what)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s: %s", args->server->origin,
              word, what);
  return FALSE;
}

void
server_note(ServerArgs *args, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list list;

  va_start(list, format);
  text = g_strdup_vprintf(format, list);
  va_end(list);
  g_ptr_array_add(args->settings->notes, g_strdup_printf("%s: %s", args->server->origin, text));
}

static void
left_out_free(gpointer data)
{
  ServerLeftOut *left_out = data;

  g_ptr_array_unref(left_out->flags);
  g_free(left_out);
}

GPtrArray *
server_left_out_new(void)
{
  return g_ptr_array_new_with_free_func(left_out_free);
}

static void
leave_out(ServerArgs *args, const char *written, const char *why)
{
  ServerLeftOut *found = NULL;

  for (guint i = 0; i < args->left_out->len && found == NULL; i++) {
    ServerLeftOut *other = args->left_out->pdata[i];
    found = g_str_equal(other->why, why) ? other : NULL;
  }
  if (found == NULL) {
    found = g_new(ServerLeftOut, 1);
    *found = (ServerLeftOut){why, g_ptr_array_new_with_free_func(g_free)};
    g_ptr_array_add(args->left_out, found);
  }
  g_ptr_array_add(found->flags, g_strdup(written));
}

void
server_note_left_out(ServerArgs *args)
{
  for (guint i = 0; i < args->left_out->len; i++) {
    const ServerLeftOut *left_out = args->left_out->pdata[i];
    const gboolean are_several = left_out->flags->len > 1;
    g_autofree char *flags = NULL;
    g_ptr_array_add(left_out->flags, NULL);
    flags = g_strjoinv(", ", (char **)left_out->flags->pdata);
    server_note(args, "%s %s left out: %s", flags, are_several ? "are" : "is", left_out->why);
  }
}

static gboolean
is_typed(const ServerArgs *args, const char *option)
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

const char *const server_pool_options[] = {"num-gpu-blocks",
                                           "kv-memory",
                                           "gpu-memory-utilization",
                                           "max-total-tokens",
                                           "mem-fraction-static",
                                           "free-gpu-memory-fraction",
                                           NULL};

static gboolean
is_pasted(const ServerArgs *args, const char *option)
{
  return g_strcmp0(settings_origin(args->settings, option), args->server->origin) == 0;
}

/* TRUE of a file's setting that the command line has, too, where that goes before it. */
static gboolean
is_in_command(const ServerArgs *args, const char *option)
{
  g_autofree char *other = opposite(option);

  return args->in_file && !args->server->file_wins &&
         (is_pasted(args, option) || is_pasted(args, other));
}

static gboolean
gives_way(const ServerArgs *args, const char *option)
{
  g_autofree char *other = opposite(option);

  if (g_strv_contains(server_pool_options, option))
    for (guint i = 0; server_pool_options[i] != NULL; i++)
      if (is_typed(args, server_pool_options[i]))
        return TRUE;
  return is_typed(args, option) || is_typed(args, other);
}

gboolean
server_set(ServerArgs *args, const char *written, const char *option, const char *value,
           GError **error)
{
  g_autofree char *ours = g_strconcat("--", option, NULL);
  g_autoptr(GError) cause = NULL;

  if (is_in_command(args, option))
    return TRUE;
  if (gives_way(args, option)) {
    server_note(args, "%s%s%s gives way to what was typed", written, value != NULL ? " " : "",
                value != NULL ? value : "");
    return TRUE;
  }
  if (!settings_set(args->settings, option, value, &cause)) {
    const gboolean is_ours = g_str_equal(written, ours) || written[0] != '-';
    g_set_error(error, cause->domain, cause->code, "%s: %s%s%s", args->server->origin,
                is_ours && !args->in_file ? "" : written, is_ours && !args->in_file ? "" : ": ",
                cause->message);
    return FALSE;
  }
  settings_set_origin(args->settings, option, args->server->origin);
  return TRUE;
}

gboolean
server_check_variables(const ServerArgs *args, const char *written, const char *value,
                       GError **error)
{
  g_autofree char *variable = value != NULL ? server_shell_variable(value) : NULL, *what = NULL;

  if (variable == NULL)
    return TRUE;
  what = g_strdup_printf("found the variable %s, which nothing before it sets; expected its value, "
                         "put in its place",
                         variable);
  return server_refuse(args, error, written, what);
}

gboolean
server_take_model(ServerArgs *args, const char *value, GError **error)
{
  g_autofree char *name = shipped_model(value), *from = NULL;

  if (is_typed(args, "model") || is_in_command(args, "model"))
    return TRUE;
  if (!server_check_variables(args, "model", value, error))
    return FALSE;
  if (name != NULL || g_file_test(value, G_FILE_TEST_EXISTS))
    return server_set(args, "model", "model", name != NULL ? name : value, error);
  from = shipped_model_tuned(value);
  server_note(
      args,
      "the model %s does not ship with Spillway: give its config.json as "
      "--model%s%s%s",
      value, from != NULL ? ", or --model " : "", from != NULL ? from : "",
      from != NULL
          ? ", whose layers it has if it is tuned from that; its context may differ, and what its "
            "weights are kept as (--quantization)"
          : "");
  return TRUE;
}

/* The engine whose server it is: of the version that was typed, or is the image's. */
static const SchedulerClass *
scheduler_of(const ServerArgs *args)
{
  const char *name = args->settings->scheduler;

  return scheduler_class_from_name(name != NULL ? name : "vllm", NULL);
}

/* --use-v2-block-manager: before vLLM 0.8 a choice, then without effect, as there is one. */
static gboolean
take_block_manager(ServerArgs *args, const char *written, GError **error)
{
  const SchedulerClass *class = scheduler_of(args);

  if (class == NULL || class->features & SCHEDULER_HAS_BLOCK_MANAGER)
    return server_set(args, written, "block-manager", "2", error);
  g_ptr_array_add(args->no_effect, g_strdup(written));
  return TRUE;
}

static gboolean
take(ServerArgs *args, const ServerFlag *flag, const char *written, const char *value,
     GError **error)
{
  const char *option = flag->option != NULL ? flag->option : flag->name;
  g_autofree char *plain = NULL;

  if (g_str_equal(option, "model"))
    return value != NULL ? server_take_model(args, value, error)
                         : server_refuse(args, error, written, "found nothing, expected its value");
  if (!gives_way(args, option) && !server_check_variables(args, written, value, error))
    return FALSE;
  if (g_str_equal(flag->name, "use-v2-block-manager"))
    return take_block_manager(args, written, error);
  if (flag->is_switch)
    return server_set(args, written, option, value, error);
  if (value == NULL)
    return server_refuse(args, error, written, "found nothing, expected its value");
  if (g_str_equal(value, "None")) { /* Python's: as if the flag were not there */
    g_ptr_array_add(args->no_effect, g_strdup(written));
    return TRUE;
  }
  if (g_str_equal(option, "max-model-len") &&
      (g_str_equal(value, "auto") || g_str_equal(value, "-1"))) {
    server_note(args, "%s %s: the model's, or what the pool holds, as by default", written, value);
    return TRUE;
  }
  if (g_str_equal(flag->name, "max-model-len") ||
      g_str_equal(flag->name, "max-num-batched-tokens") ||
      g_str_has_prefix(flag->name, "kv-cache-memory"))
    plain = server_word_count(value);
  else if (g_str_has_suffix(option, "-policy")) /* TensorRT-LLM's MAX_UTILIZATION */
    plain = g_strdelimit(g_ascii_strdown(value, -1), "_", '-');
  else if (g_str_equal(option, "kv-cache-dtype") && g_str_equal(value, "bf16")) /* SGLang's */
    plain = g_strdup("bfloat16");
  else if (g_str_equal(option, "kv-cache-dtype") && g_str_equal(value, "fp8_ds_mla"))
    plain = g_strdup("fp8"); /* what vLLM makes of it for sparse latent attention */
  return server_set(args, written, option, plain != NULL ? plain : value, error);
}

/* The mode of CUDA graphs in --compilation-config '{"cudagraph_mode": "PIECEWISE"}' or
 * --compilation-config.cudagraph_mode PIECEWISE; "none" of NONE and of -O0, which captures no
 * graphs; NULL: none that is simulated. */
static const char *
graph_mode(const char *name, const char *value)
{
  const char *mode = value != NULL && !g_str_has_suffix(name, ".cudagraph-mode")
                         ? strstr(value, "cudagraph_mode")
                         : value;

  if (mode == NULL)
    return g_strcmp0(value, "0") == 0 && strchr(name, '.') == NULL ? "none" : NULL;
  if (strstr(mode, "NONE") != NULL)
    return "none";
  if (strstr(mode, "FULL_AND_PIECEWISE") != NULL)
    return "full-and-piecewise";
  return strstr(mode, "PIECEWISE") != NULL ? "piecewise" : NULL;
}

/* Of what vLLM compiles the mode of its graphs is simulated. */
static gboolean
take_compilation(ServerArgs *args, const ServerFlag *flag, const char *written, const char *name,
                 const char *value, GError **error)
{
  const SchedulerClass *class = scheduler_of(args);
  const char *mode = graph_mode(name, value);

  if (mode == NULL || class == NULL || !(class->features & SCHEDULER_HAS_GRAPH_MODES)) {
    leave_out(args, written, flag->advice);
    return TRUE;
  }
  if (g_str_equal(mode, "none"))
    return server_set(args, written, "enforce-eager", NULL, error);
  if (strchr(name, '.') == NULL)
    server_note(args, "of %s cudagraph_mode alone is taken", written);
  return server_set(args, written, "cudagraph-mode", mode, error);
}

/* TRUE of cuda_graph_config: null and use_cuda_graph: false. */
static gboolean
turns_graphs_off(const ServerFlag *flag, const char *name, const char *value)
{
  static const char *const off[] = {"false", "null", "~", NULL};
  g_autofree char *word = value != NULL ? g_ascii_strdown(value, -1) : NULL;

  return flag->use == FLAG_GRAPHS && strchr(name, '.') == NULL && word != NULL &&
         g_strv_contains(off, word);
}

/* Of what overrides config.json the context is taken. FALSE: the value says none. */
static gboolean
take_context(ServerArgs *args, const char *written, const char *value)
{
  guint32 tokens = server_context_tokens(value);

  if (tokens == 0)
    return FALSE;
  args->settings->context_tokens = tokens;
  server_note(args, "of %s the context is taken, %u tokens", written, tokens);
  return TRUE;
}

/* TRUE if a word of the flag's harmless ones is the value. */
static gboolean
is_harmless(const ServerFlag *flag, const char *value)
{
  g_auto(GStrv) words = g_strsplit(flag->harmless != NULL ? flag->harmless : "", " ", -1);

  return value != NULL && g_strv_contains((const char *const *)words, value);
}

gboolean
server_take_flag(ServerArgs *args, const ServerFlag *flags, const char *written, const char *name,
                 const char *value, GError **error)
{
  const ServerFlag *flag = server_flag_find(flags, name);

  if (flag == NULL)
    g_ptr_array_add(args->unknown, g_strdup(written));
  else if (flag->use == FLAG_TAKEN)
    return take(args, flag, written, value, error);
  else if (turns_graphs_off(flag, name, value))
    return server_set(args, written, flag->option, "true", error);
  else if (flag->use == FLAG_FILE && value != NULL)
    g_ptr_array_add(args->files, g_strdup(value));
  else if (flag->use == FLAG_FILE)
    return server_refuse(args, error, written, "found nothing, expected its value");
  else if (g_strcmp0(flag->advice, SERVER_GRAPHS_ADVICE) == 0)
    return take_compilation(args, flag, written, name, value, error);
  else if (flag->use == FLAG_NO_EFFECT || is_harmless(flag, value))
    g_ptr_array_add(args->no_effect, g_strdup(written));
  else if (flag->use != FLAG_CONTEXT || !take_context(args, written, value))
    leave_out(args, written, flag->advice);
  return TRUE;
}
