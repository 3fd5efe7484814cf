/* Called by model_memory.c, before it sizes the pool and behind the sum. */
#include "model_drafts.h"

#include "models/config_reader.h"
#include "models/model_config.h"

#define GIB (1024.0 * 1024 * 1024)

/* MTP under the names that vLLM has had for it. */
static gboolean
is_mtp(const char *method)
{
  static const char *const names[] = {"mtp", "qwen3_next_mtp", "qwen3_5_mtp", NULL};

  return g_strv_contains(names, method);
}

enum { MOST_DRAFTED = 64 };

/* How many tokens are drafted, of --speculative-config. */
static gboolean
parse_speculation(const char *text, guint32 *tokens, GError **error)
{
  json_error_t where;
  g_autoptr(json_t) root = json_loads(text, 0, &where);
  const char *method = json_string_value(json_object_get(root, "method"));
  json_int_t count = json_integer_value(json_object_get(root, "num_speculative_tokens"));

  if (!json_is_object(root) || method == NULL || !is_mtp(method) || count < 1 ||
      count > MOST_DRAFTED) {
    g_set_error(
        error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--speculative-config: found '%s', expected {\"method\":\"mtp\","
        "\"num_speculative_tokens\":N}, N from 1 to %d: of other methods the draft's memory "
        "is not known",
        text, MOST_DRAFTED);
    return FALSE;
  }
  *tokens = (guint32)count;
  return TRUE;
}

/* Tokens that the log's server drafts, where their memory is known; else left_out says by what. */
static guint32
logged_drafts(ModelMemory *memory, const Model *model)
{
  const StartupLog *log = memory->log;

  if (log == NULL || log->speculation == NULL)
    return 0;
  if (is_mtp(log->speculation) && model->draft_layers > 0 && log->speculative_tokens >= 1 &&
      log->speculative_tokens <= MOST_DRAFTED)
    return (guint32)log->speculative_tokens;
  memory->left_out = g_strdup(log->speculation);
  return 0;
}

gboolean
model_drafts_find(const ModelMemoryOptions *options, ModelMemory *memory, GError **error)
{
  const Model *model = memory->request.server.model;
  guint32 tokens = logged_drafts(memory, model);

  if (options->speculative_config != NULL) {
    if (!parse_speculation(options->speculative_config, &tokens, error))
      return FALSE;
    g_clear_pointer(&memory->left_out, g_free);
    if (model->draft_layers == 0) {
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "--speculative-config: of %s no draft layers are known; of Qwen3-Next's and "
                  "Qwen3.5's families they are",
                  model->name);
      return FALSE;
    }
  }
  if (tokens == 0)
    return TRUE;
  model_add_drafts(memory->model, tokens);
  return TRUE;
}

void
model_drafts_append(const ModelMemory *memory, GString *text)
{
  const ServerSetup *server = &memory->request.server;
  const Model *model = server->model;
  Layer draft = model->draft;
  Model alone = {.kinds = &draft,
                 .n_kinds = 1,
                 .layers = 1,
                 .kv_bits = model->kv_bits,
                 .tied_embeddings = TRUE};
  guint32 tp = server->tensor_parallel_size;

  if (memory->left_out != NULL)
    g_string_append_printf(text, "The log's server drafts by %s, whose memory is not in the sum.\n",
                           memory->left_out);
  if (model->draft_tokens == 0)
    return;
  draft.count = 1;
  g_string_append_printf(text,
                         "Of it %u draft layer%s: %.2f GiB of weights and %" G_GUINT64_FORMAT
                         " bytes of KV a token; what a step of drafts takes is not simulated.\n",
                         model->draft_layers, model->draft_layers == 1 ? " takes" : "s take",
                         model->draft_layers * (double)model_rank_bytes(&alone, tp) / GIB,
                         model->draft_layers * model_rank_kv_bytes(&alone, tp));
}
