/* The verb `crossover`: recomputing n tokens against swapping them, and the n where they cross. */
#include "crossover.h"

#include "cli/cli.h"
#include "scenario/hardware.h"
#include "scenario/resolve.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_TOKENS "256..32k"
#define DEFAULT_BLOCK_SIZES "8,16,32,64,128,256"
#define MAX_TOKENS (1 << 24)
#define MAX_BLOCK_SIZE 65536
#define MAX_LIST 256

typedef struct {
  char *model, *device, *kv_cache_dtype, *tokens, *block_sizes, *copy_path, *host_memory, *what_if,
      *parallel, *format;
} Options;

static void
options_clear(Options *o)
{
  char **texts[] = {&o->model,       &o->device,    &o->kv_cache_dtype, &o->tokens,
                    &o->block_sizes, &o->copy_path, &o->host_memory,    &o->what_if,
                    &o->parallel,    &o->format};

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_clear_pointer(texts[i], g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static void
study_clear(CrossoverStudy *study)
{
  g_clear_pointer(&study->model, model_free);
  g_clear_pointer(&study->device, device_free);
  g_clear_pointer(&study->profile, profile_free);
  g_clear_pointer(&study->tokens, g_array_unref);
  g_clear_pointer(&study->block_sizes, g_array_unref);
  g_clear_pointer(&study->costs, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(CrossoverStudy, study_clear)

/* "4096" or "4k". */
static gboolean
parse_count(const char *text, const char *what, guint64 max, guint32 *count, GError **error)
{
  g_autofree char *digits = g_strdup(text);
  gsize length = strlen(digits);
  gboolean thousands = length > 1 && g_ascii_tolower(digits[length - 1]) == 'k';
  guint64 value;

  if (thousands)
    digits[length - 1] = '\0';
  if (!typed_uint(digits, what, 1, thousands ? max / 1024 : max, &value, error))
    return FALSE;
  *count = (guint32)(thousands ? value * 1024 : value);
  return TRUE;
}

/* Appends "A..B" (doubling from A, B included) or one number. */
static gboolean
parse_range(const char *text, const char *what, guint64 max, GArray *counts, GError **error)
{
  g_auto(GStrv) ends = g_strsplit(text, "..", 2);
  guint32 from, to;

  if (!parse_count(ends[0] != NULL ? ends[0] : "", what, max, &from, error))
    return FALSE;
  to = from;
  if (ends[1] != NULL && !parse_count(ends[1], what, max, &to, error))
    return FALSE;
  if (to < from) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%s: found '%s', expected a range that ascends", what, text);
    return FALSE;
  }
  for (guint64 n = from; n < to; n *= 2) {
    guint32 count = (guint32)n;
    g_array_append_val(counts, count);
  }
  g_array_append_val(counts, to);
  return TRUE;
}

static GArray *
parse_counts(const char *text, const char *what, guint64 max, GError **error)
{
  g_auto(GStrv) items = g_strsplit(text, ",", -1);
  g_autoptr(GArray) counts = g_array_new(FALSE, FALSE, sizeof(guint32));

  if (*text == '\0' && !parse_range(text, what, max, counts, error))
    return NULL;
  for (char **item = items; *item != NULL; item++)
    if (!parse_range(*item, what, max, counts, error))
      return NULL;
  if (counts->len == 0 || counts->len > MAX_LIST) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%s: found %u numbers, expected 1 to %d", what, counts->len, MAX_LIST);
    return NULL;
  }
  return g_steal_pointer(&counts);
}

static int
compare_counts(gconstpointer a, gconstpointer b)
{
  guint32 x = *(const guint32 *)a, y = *(const guint32 *)b;

  return (x > y) - (x < y);
}

/* The default range ends at the model's longest context; one that was given is kept, with a note.
 */
static gboolean
set_tokens(const Options *options, CrossoverStudy *study, GError **error)
{
  guint32 limit = study->model->max_position, last;

  study->tokens = parse_counts(options->tokens != NULL ? options->tokens : DEFAULT_TOKENS,
                               "--tokens", MAX_TOKENS, error);
  if (study->tokens == NULL)
    return FALSE;
  g_array_sort(study->tokens, compare_counts);
  last = g_array_index(study->tokens, guint32, study->tokens->len - 1);
  if (options->tokens != NULL && last > limit)
    cli_note("crossover", "%s was made for contexts of up to %u tokens; %u is beyond",
             study->model->name, limit, last);
  while (options->tokens == NULL && study->tokens->len > 1 &&
         g_array_index(study->tokens, guint32, study->tokens->len - 1) > limit)
    g_array_set_size(study->tokens, study->tokens->len - 1);
  return TRUE;
}

static gboolean
refuse(GError **error, const char *option, const char *found, const char *expected)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: found '%s', expected %s",
              option, found, expected);
  return FALSE;
}

static gboolean
refuse_missing(GError **error, const char *option, const char *expected)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s is missing: %s", option,
              expected);
  return FALSE;
}

static gboolean
set_config(const Options *options, CrossoverStudy *study, GError **error)
{
  RooflineConfig *config = &study->config;
  guint64 parallel;

  config->model = study->model;
  config->device = study->device;
  if (options->copy_path != NULL && !copy_path_from_name(options->copy_path, &config->copy_path))
    return refuse(error, "--copy-path", options->copy_path, "per-layer, per-block or batched");
  if (options->host_memory != NULL &&
      !host_memory_from_name(options->host_memory, &config->host_memory))
    return refuse(error, "--host-memory", options->host_memory, "pinned or pageable");
  if (!typed_uint(options->parallel != NULL ? options->parallel : "1", "--tensor-parallel-size", 1,
                  64, &parallel, error))
    return FALSE;
  config->tensor_parallel_size = (guint32)parallel;
  study->what_if = options->what_if;
  return what_if_parse(options->what_if, &config->what_if, error);
}

static void
free_cost_model(gpointer costs)
{
  cost_model_free(costs);
}

static gboolean
set_costs(const Options *options, CrossoverStudy *study, GError **error)
{
  const char *text = options->block_sizes != NULL ? options->block_sizes : DEFAULT_BLOCK_SIZES;

  study->block_sizes = parse_counts(text, "--block-size", MAX_BLOCK_SIZE, error);
  study->costs = g_ptr_array_new_with_free_func(free_cost_model);
  for (guint i = 0; study->block_sizes != NULL && i < study->block_sizes->len; i++) {
    CostModel *costs;

    study->config.block_size = g_array_index(study->block_sizes, guint32, i);
    costs = resolve_cost_model(study->profile, &study->config, error);
    if (costs == NULL)
      return FALSE;
    g_ptr_array_add(study->costs, costs);
  }
  return study->block_sizes != NULL;
}

static gboolean
study_resolve(const Options *options, CrossoverStudy *study, GError **error)
{
  g_auto(GStrv) doubts = NULL;

  if (options->model == NULL)
    return refuse_missing(error, "--model", "a name from 'spillway list models', or a config.json");
  if (options->device == NULL)
    return refuse_missing(error, "--device", "a name from 'spillway list devices'");
  study->model = resolve_model(options->model, error);
  if (study->model == NULL) {
    g_prefix_error(error, "--model: ");
    return FALSE;
  }
  if (!resolve_kv_cache_dtype(study->model, options->kv_cache_dtype, error))
    return FALSE;
  if (!resolve_costs(options->device, NULL, &study->device, &study->profile, error)) {
    g_prefix_error(error, "--device: ");
    return FALSE;
  }
  doubts = resolve_device_doubts(options->device, study->device);
  for (char **text = doubts; *text != NULL; text++)
    cli_note("crossover", "--device: %s: %s", options->device, *text);
  return set_tokens(options, study, error) && set_config(options, study, error) &&
         set_costs(options, study, error);
}

static char *
description(void)
{
  g_autofree char *scales = what_if_help();

  return g_strdup_printf("Copy paths: per-layer (a copy a block, layer and K or V, as vLLM 0.x), "
                         "per-block (a block's layers\n"
                         "lie together), batched (all pieces in one submission).\n\n"
                         "--what-if takes a list such as h2d=2x,copy-launch=0; Nx multiplies a "
                         "speed or a cost, 0 turns it off:\n"
                         "%s\nExamples:\n"
                         "  spillway crossover --model llama-2-7b --device a100-40gb\n"
                         "  spillway crossover --model llama-3.1-8b --device h100-sxm --copy-path "
                         "batched --block-size 16,32\n"
                         "  spillway crossover --model qwen3-8b --device l40s --tokens 1k..64k "
                         "--host-memory pageable\n"
                         "  spillway crossover --model llama-3-70b --device h100-sxm "
                         "--tensor-parallel-size 4 --format json",
                         scales);
}

int
command_crossover(int argc, char **argv)
{
  g_auto(Options) o = {0};
  g_auto(CrossoverStudy) study = {0};
  const GOptionEntry entries[] = {
      {"model", 0, 0, G_OPTION_ARG_FILENAME, &o.model, "a built-in model or a config.json", "NAME"},
      {"device", 0, 0, G_OPTION_ARG_FILENAME, &o.device,
       "a shipped device or profile, or the file of one", "NAME"},
      {"kv-cache-dtype", 0, 0, G_OPTION_ARG_STRING, &o.kv_cache_dtype,
       "how KV is kept: auto (default: as the model says), fp8, bfloat16, float16", "TYPE"},
      {"tokens", 0, 0, G_OPTION_ARG_STRING, &o.tokens,
       "A..B (doubling) or a list (default " DEFAULT_TOKENS ")", "RANGE"},
      {"block-size", 0, 0, G_OPTION_ARG_STRING, &o.block_sizes,
       "tokens a block (default " DEFAULT_BLOCK_SIZES ")", "LIST"},
      {"copy-path", 0, 0, G_OPTION_ARG_STRING, &o.copy_path,
       "per-layer (default), per-block or batched", "PATH"},
      {"host-memory", 0, 0, G_OPTION_ARG_STRING, &o.host_memory, "pinned (default) or pageable",
       "KIND"},
      {"what-if", 0, 0, G_OPTION_ARG_STRING, &o.what_if, "scale or turn off costs", "LIST"},
      {"tensor-parallel-size", 0, 0, G_OPTION_ARG_STRING, &o.parallel,
       "devices that share each layer (default 1)", "N"},
      FORMAT_OPTION(o.format),
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  g_autofree char *more = description();
  g_autofree char *text = NULL;
  g_autoptr(GError) error = NULL;
  OutputFormat format;
  int status;
  const VerbOptions usage = {
      .name = "crossover",
      .summary = "Prints what it costs on a device to recompute n tokens of KV, what it costs to "
                 "swap them out\nand in again, and the n where the two cross.",
      .examples = more,
      .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc > 1)
    return cli_error(CLI_USAGE, "crossover", "found '%s', expected only options", argv[1]);
  if (!output_format_parse(o.format, &format, &error) || !study_resolve(&o, &study, &error))
    return cli_error(CLI_USAGE, "crossover", "%s", error->message);
  text = crossover_text(&study, format);
  output_format_print(format, text);
  return CLI_DONE;
}
