/* The verb `model`: the built-in models, and the sizes of one. */
#include "cli.h"

#include <jansson.h>
#include <stdio.h>

#include "calib/cost/pool_size.h"
#include "format_option.h"
#include "model_memory.h"
#include "report/text/format.h"
#include "report/text/table.h"
#include "scenario/hardware.h"
#include "scenario/resolve.h"
#include "scenario/shipped.h"
#include "sim/kv_groups.h"

static void
add_row(Table *table, const char *label, char *value)
{
  table_add(table, label);
  table_take(table, value);
}

static char *
billions(guint64 parameters)
{
  return g_strdup_printf("%.3f B", (double)parameters / 1e9);
}

/* The longest context that each engine serves without --max-model-len. */
static json_t *
default_contexts(const Model *model)
{
  guint32 vllm =
      model->unstretched_position > 0 ? model->unstretched_position : model->max_position;

  return json_pack("{s:i, s:i}", "vllm", (int)vllm, "sglang", (int)model->sglang_position);
}

/* Tokens; 0: none was typed. */
static guint32
block_size_or_usual(guint32 typed)
{
  return typed > 0 ? typed : 16;
}

static json_t *
model_json(const Model *model, guint32 block_size)
{
  return json_pack(
      "{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:s, s:i, s:i, s:s, s:I, s:I, s:I, "
      "s:I, s:I, s:I, s:I, s:f, s:f, s:o}",
      "name", model->name, "family", model->family, "layers", (int)model->layers, "hidden",
      (int)model->hidden, "heads", (int)model->heads, "kv_heads", (int)model->kv_heads, "head_dim",
      (int)model->head_dim, "ffn", (int)model->ffn, "vocab", (int)model->vocab, "max_position",
      (int)model->max_position, "context_source", model->context_source, "experts",
      (int)model->experts, "active_experts", (int)model->active_experts, "dtype", model->dtype,
      "parameters", (json_int_t)model_parameters(model), "active_parameters",
      (json_int_t)model_active_parameters(model), "weight_bytes",
      (json_int_t)model_weight_bytes(model), "loaded_bytes", (json_int_t)model_rank_bytes(model, 1),
      "state_bytes_per_sequence", (json_int_t)model_rank_state_bytes(model, 1),
      "kv_bytes_per_token", (json_int_t)model_kv_bytes_per_token(model), "kv_bytes_per_block",
      (json_int_t)pool_block_bytes(model, block_size, 1), "linear_flops_per_token",
      model_linear_flops_per_token(model), "head_flops", model_head_flops(model), "default_context",
      default_contexts(model));
}

static int
print_json(json_t *value)
{
  char *text = json_dumps(value, JSON_INDENT(2));

  puts(text);
  free(text);
  json_decref(value);
  return CLI_DONE;
}

static int
list_models(OutputFormat format, guint32 block_size, const char *kv_cache_dtype)
{
  g_auto(GStrv) names = shipped_names("models", ".json");
  g_autoptr(Table) table = table_new("lrrrr");
  g_autoptr(GString) text = g_string_new(NULL);
  json_t *array = json_array();

  table_add(table, "model");
  table_add(table, "parameters");
  table_add(table, "weights GiB");
  table_add(table, "KV KiB a token");
  table_add(table, "max tokens");
  for (guint i = 0; names[i] != NULL; i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Model) model = resolve_model(names[i], &error);
    if (model == NULL || !resolve_kv_cache_dtype(model, kv_cache_dtype, &error)) {
      json_decref(array);
      return cli_error(model == NULL ? CLI_FAILED : CLI_USAGE, "model", "%s", error->message);
    }
    json_array_append_new(array, model_json(model, block_size_or_usual(block_size)));
    add_row(table, names[i], billions(model_parameters(model)));
    table_take(table, g_strdup_printf("%.1f", (double)model_weight_bytes(model) / (1 << 30)));
    table_take(table, g_strdup_printf("%.0f", (double)model_kv_bytes_per_token(model) / 1024));
    table_take(table, format_count(model->max_position));
  }
  if (format == OUTPUT_JSON)
    return print_json(json_pack("{s:o}", "models", array));
  json_decref(array);
  table_append(table, "", text);
  cli_print(text->str);
  return CLI_DONE;
}

/* How many layers have which kind of attention; no row where all have full attention. */
static void
add_layer_kinds(Table *table, const Model *model)
{
  static const char *const words[] = {[MIXER_NONE] = "without attention",
                                      [MIXER_FULL] = "of attention",
                                      [MIXER_SLIDING] = "of sliding attention",
                                      [MIXER_CHUNKED] = "of chunked attention",
                                      [MIXER_LATENT] = "of latent attention",
                                      [MIXER_SPARSE] = "of sparse attention",
                                      [MIXER_COMPRESSED] = "of compressed attention",
                                      [MIXER_RECURRENT] = "of a recurrent state"};
  guint32 counts[G_N_ELEMENTS(words)] = {0};
  g_autoptr(GString) text = g_string_new(NULL);

  for (guint i = 0; i < model->n_kinds; i++)
    counts[model->kinds[i].mixer.kind] += model->kinds[i].count;
  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    if (counts[i] > 0)
      g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "", counts[i], words[i]);
  if (counts[MIXER_FULL] < model->layers)
    add_row(table, "layers", g_strdup(text->str));
  if (model->left_out != NULL)
    add_row(table, "not counted", g_strdup(model->left_out));
}

/* How a server's memory manager groups layers of several kinds. */
static void
add_kv_groups(Table *table, const Model *model, guint32 block_size)
{
  guint64 state_bytes = model_rank_state_bytes(model, 1);
  KvGroups layout;

  if (state_bytes > 0)
    add_row(table, "state a sequence",
            g_strdup_printf("%.1f MiB", (double)state_bytes / (1 << 20)));
  if (!kv_groups_find(model, block_size, 1, &layout) || layout.n_groups < 2)
    return;
  add_row(table, "KV groups",
          g_strdup_printf("%u of up to %u layers, pages of %.0f KiB a layer", layout.n_groups,
                          layout.group_layers, (double)layout.page_bytes / 1024));
}

/* Rows for engines that by default serve another length than the model's longest context. */
static void
add_served_contexts(Table *table, const Model *model)
{
  if (model->unstretched_position > 0) {
    g_autofree char *tokens = format_count(model->unstretched_position);
    add_row(
        table, "by default",
        g_strdup_printf("%s under vLLM from 0.11.1 on (original_max_position_embeddings)", tokens));
  }
  if (model->sglang_position != model->max_position) {
    g_autofree char *tokens = format_count(model->sglang_position);
    add_row(table, "by default", g_strdup_printf("%s under SGLang", tokens));
  }
}

static void
append_sizes(const Model *model, guint32 block_size, GString *text)
{
  g_autoptr(Table) table = table_new("ll");
  g_autofree char *longest = format_count(model->max_position);
  double block_bytes = (double)pool_block_bytes(model, block_size, 1);

  add_row(table, "shape",
          g_strdup_printf("%u layers, hidden %u, %u heads of %u, %u KV heads, feed-forward %u, "
                          "vocabulary %u",
                          model->layers, model->hidden, model->heads, model->head_dim,
                          model->kv_heads, model->ffn, model->vocab));
  add_layer_kinds(table, model);
  if (model->experts > 0)
    add_row(table, "experts",
            g_strdup_printf("%u, %u a token", model->experts, model->active_experts));
  add_row(table, "parameters", format_count(model_parameters(model)));
  if (model->experts > 0)
    add_row(table, "of them active", format_count(model_active_parameters(model)));
  add_row(table, "weights",
          g_strdup_printf("%.2f GiB (%s)", (double)model_weight_bytes(model) / (1 << 30),
                          model->dtype));
  add_row(table, "as loaded",
          g_strdup_printf("%.2f GiB, with the table of positions and what the allocator adds",
                          (double)model_rank_bytes(model, 1) / (1 << 30)));
  add_row(table, "KV a token",
          g_strdup_printf("%.4g KiB", (double)model_kv_bytes_per_token(model) / 1024));
  add_row(table, "KV a block",
          g_strdup_printf("%.4g KiB (%u tokens), in %u tensors", block_bytes / 1024, block_size,
                          model_kv_tensors(model)));
  add_kv_groups(table, model, block_size);
  add_row(table, "query heads a KV head", g_strdup_printf("%u", model->heads / model->kv_heads));
  add_row(table, "linear FLOPs a token",
          g_strdup_printf("%.2f G, and %.2f G for the output head",
                          model_linear_flops_per_token(model) / 1e9,
                          model_head_flops(model) / 1e9));
  add_row(table, "longest context", g_strdup_printf("%s (%s)", longest, model->context_source));
  add_served_contexts(table, model);
  table_append(table, "  ", text);
}

/* How many tokens of KV the newest vLLM has room for on each device, into the table and `fits`. */
static gboolean
add_fits(const Model *model, guint32 block_size, Table *table, json_t *fits, GError **error)
{
  g_auto(GStrv) names = shipped_names("devices", ".ini");

  for (guint i = 0; names[i] != NULL; i++) {
    const ModelMemoryOptions options = {.device = names[i]};
    ModelMemory memory;
    guint64 tokens;
    gboolean found = model_memory_find(&options, model, block_size, &memory, error);

    tokens = found ? model_memory_tokens(&memory) : 0;
    model_memory_clear(&memory);
    if (!found)
      return FALSE;
    json_object_set_new(fits, names[i], json_integer((json_int_t)tokens));
    add_row(table, names[i], tokens > 0 ? format_count(tokens) : g_strdup("does not fit"));
    table_take(table, tokens == 0 ? g_strdup("")
                                  : g_strdup_printf("%.1f x the longest context",
                                                    (double)tokens / model->max_position));
  }
  return TRUE;
}

/* On every device, one card each. */
static gboolean
show_fits(const Model *model, guint32 block_size, GString *text, json_t *object, GError **error)
{
  g_autoptr(Table) table = table_new("lrl");
  json_t *fits = json_object();

  json_object_set_new(object, "kv_tokens_by_device", fits);
  if (!add_fits(model, block_size, table, fits, error))
    return FALSE;
  g_string_append(text, "\nKV tokens that vLLM leaves on one card, by its defaults (--device: the "
                        "sum line by line):\n");
  table_append(table, "  ", text);
  return TRUE;
}

static gboolean
show_memory(const ModelMemoryOptions *options, const Model *model, guint32 block_size,
            GString *text, json_t *object, GError **error)
{
  ModelMemory memory;
  gboolean found = model_memory_find(options, model, block_size, &memory, error);

  if (found) {
    json_object_set_new(object, "server", model_memory_json(&memory));
    model_memory_append(&memory, text);
  }
  model_memory_clear(&memory);
  return found;
}

static int
show_model(const char *name, OutputFormat format, guint32 block_size, const char *kv_cache_dtype,
           const ModelMemoryOptions *options)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Model) model = resolve_model(name, &error);
  g_autoptr(GString) text = g_string_new(NULL);
  const char *without;
  json_t *object;

  if (model == NULL || !resolve_kv_cache_dtype(model, kv_cache_dtype, &error) ||
      !resolve_state_dtype(model, options->mamba_ssm_cache_dtype, FALSE, &without, &error))
    return cli_error(CLI_USAGE, "model", "%s", error->message);
  if (without != NULL)
    return cli_error(CLI_USAGE, "model", "--mamba-ssm-cache-dtype: %s has no %s", model->name,
                     without);
  object = model_json(model, block_size_or_usual(block_size));
  g_string_append_printf(text, "%s\n", model->name);
  append_sizes(model, block_size_or_usual(block_size), text);
  if (options->device != NULL ? !show_memory(options, model, block_size, text, object, &error)
                              : !show_fits(model, block_size, text, object, &error)) {
    json_decref(object);
    return cli_error(CLI_USAGE, "model", "%s", error->message);
  }
  if (format == OUTPUT_JSON)
    return print_json(object);
  json_decref(object);
  cli_print(text->str);
  return CLI_DONE;
}

static const char examples[] =
    "Examples:\n"
    "  spillway model list\n"
    "  spillway model show llama-3.1-8b\n"
    "  spillway model show qwen2.5-72b --device h100-sxm --tensor-parallel-size 4\n"
    "  spillway model show llama-3.1-8b --device h100-sxm --log vllm-startup.log\n"
    "  spillway model show path/to/config.json --block-size 32 --format json";

/* Prints why the arguments are neither "list" nor "show MODEL". */
static int
refuse_words(int argc, char **argv)
{
  static const char *const kinds[] = {"list", "show", NULL};
  g_autofree char *hint = NULL;

  if (argc < 2)
    return cli_error(CLI_USAGE, "model", "found nothing, expected list or show MODEL");
  if (g_strv_contains(kinds, argv[1]) && argc == 2)
    return cli_error(CLI_USAGE, "model",
                     "show: found nothing, expected a name from 'spillway model list' or the path "
                     "of a config.json");
  if (g_strv_contains(kinds, argv[1]))
    return cli_error(CLI_USAGE, "model", "unexpected argument '%s' after '%s'", argv[argc - 1],
                     argv[1]);
  hint = typed_hint(argv[1], kinds);
  return cli_error(CLI_USAGE, "model", "found '%s', expected list or show MODEL%s", argv[1], hint);
}

/* The first option that is given and needs --device, which is not; NULL: none. */
static const char *
option_without_device(const ModelMemoryOptions *options)
{
  return options->device != NULL                   ? NULL
         : options->log != NULL                    ? "log"
         : options->scheduler != NULL              ? "scheduler"
         : options->tensor_parallel_size != NULL   ? "tensor-parallel-size"
         : options->gpu_memory_utilization != NULL ? "gpu-memory-utilization"
         : options->max_num_batched_tokens != NULL ? "max-num-batched-tokens"
         : options->max_num_seqs != NULL           ? "max-num-seqs"
         : options->max_model_len != NULL          ? "max-model-len"
         : options->speculative_config != NULL     ? "speculative-config"
         : options->mamba_ssm_cache_dtype != NULL  ? "mamba-ssm-cache-dtype"
         : options->offline                        ? "offline"
         : options->enforce_eager                  ? "enforce-eager"
                                                   : NULL;
}

static void
free_options(ModelMemoryOptions *options)
{
  g_free(options->device);
  g_free(options->scheduler);
  g_free(options->log);
  g_free(options->tensor_parallel_size);
  g_free(options->gpu_memory_utilization);
  g_free(options->max_num_batched_tokens);
  g_free(options->max_num_seqs);
  g_free(options->max_model_len);
  g_free(options->speculative_config);
  g_free(options->mamba_ssm_cache_dtype);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ModelMemoryOptions, free_options)

static int
run_model(int argc, char **argv, OutputFormat format, guint32 block_size,
          const char *kv_cache_dtype, const ModelMemoryOptions *options)
{
  const char *extra = option_without_device(options);

  if (extra != NULL)
    return cli_error(CLI_USAGE, "model", "--%s needs --device: a name from 'spillway list devices'",
                     extra);
  if (argc == 2 && g_str_equal(argv[1], "list"))
    return options->device != NULL
               ? cli_error(CLI_USAGE, "model",
                           "--device is of 'show MODEL', not of list: leave it out")
               : list_models(format, block_size, kv_cache_dtype);
  if (argc == 3 && g_str_equal(argv[1], "show"))
    return show_model(argv[2], format, block_size, kv_cache_dtype, options);
  return refuse_words(argc, argv);
}

int
command_model(int argc, char **argv)
{
  guint64 block_size = 0;
  g_autofree char *format_text = NULL, *block_text = NULL, *kv_cache_dtype = NULL;
  g_auto(ModelMemoryOptions) options = {0};
  const GOptionEntry entries[] = {
      {"block-size", 0, 0, G_OPTION_ARG_STRING, &block_text,
       "tokens a block (default 16; with --device the engine's on that card)", "N"},
      {"kv-cache-dtype", 0, 0, G_OPTION_ARG_STRING, &kv_cache_dtype,
       "how KV is kept: auto (default: as the model says), fp8, bfloat16, float16", "TYPE"},
      {"mamba-ssm-cache-dtype", 0, 0, G_OPTION_ARG_STRING, &options.mamba_ssm_cache_dtype,
       "how recurrent states are kept: auto (default), float32, float16, bfloat16", "TYPE"},
      {"device", 0, 0, G_OPTION_ARG_FILENAME, &options.device,
       "show what a server leaves for KV on this card, line by line", "NAME|FILE"},
      {"log", 0, 0, G_OPTION_ARG_FILENAME, &options.log,
       "and compare it with the start-up log of a vLLM server", "FILE"},
      {"scheduler", 0, 0, G_OPTION_ARG_STRING, &options.scheduler,
       "the engine's version (default: the log's, or vllm, the newest known)", "NAME"},
      {"tensor-parallel-size", 0, 0, G_OPTION_ARG_STRING, &options.tensor_parallel_size,
       "cards that share each layer (default: the log's, or 1)", "N"},
      {"gpu-memory-utilization", 0, 0, G_OPTION_ARG_STRING, &options.gpu_memory_utilization,
       "share of the memory (default: the log's, or the engine's)", "X"},
      {"max-num-batched-tokens", 0, 0, G_OPTION_ARG_STRING, &options.max_num_batched_tokens,
       "token budget of a step (default: the log's, or the engine's on that card)", "N"},
      {"max-num-seqs", 0, 0, G_OPTION_ARG_STRING, &options.max_num_seqs,
       "most sequences that run at once (default: the log's, or the engine's on that card)", "N"},
      {"max-model-len", 0, 0, G_OPTION_ARG_STRING, &options.max_model_len,
       "longest sequence (default: the log's, or the model's); vLLM 0.21 and later count the "
       "pool's "
       "tokens by it",
       "N"},
      {"speculative-config", 0, 0, G_OPTION_ARG_STRING, &options.speculative_config,
       "load the draft layers of Qwen3-Next or Qwen3.5, as "
       "{\"method\":\"mtp\",\"num_speculative_tokens\":N} does (default: the log's, or none)",
       "JSON"},
      {"offline", 0, 0, G_OPTION_ARG_NONE, &options.offline,
       "the default batch sizes of vLLM's LLM(), not of its server", NULL},
      {"enforce-eager", 0, 0, G_OPTION_ARG_NONE, &options.enforce_eager,
       "a server that compiles nothing and captures no CUDA graphs (default: the log's, or not)",
       NULL},
      {"format", 0, 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  g_autoptr(GError) error = NULL;
  OutputFormat format;
  int status;
  const VerbOptions usage = {.name = "model",
                             .arguments = "list | show MODEL",
                             .summary =
                                 "Lists the built-in models, or shows one's sizes: parameters, "
                                 "KV bytes, FLOPs, and what fits where.\nMODEL is a name or a "
                                 "published config.json.",
                             .examples = examples,
                             .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (!output_format_parse(format_text, &format, &error) ||
      (block_text != NULL &&
       !typed_uint(block_text, "--block-size", 1, 65536, &block_size, &error)))
    return cli_error(CLI_USAGE, "model", "%s", error->message);
  if (format == OUTPUT_CSV)
    return cli_error(CLI_USAGE, "model", "--format: found 'csv', expected table or json");
  return run_model(argc, argv, format, (guint32)block_size, kv_cache_dtype, &options);
}
