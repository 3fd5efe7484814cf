/* The reader of config.json: finds the object that describes the decoder and its family, whose
 * function reads it. */
#include "model_config.h"

#include <string.h>

#include "class_defaults.h"
#include "config_reader.h"
#include "family.h"
#include "quantization_source.h"
#include "refused.h"
#include "tower.h"

static const Family *const tables[] = {
    families_llama,   families_moe,        families_latent, families_hybrid,  families_mamba,
    families_gemma,   families_classic,    families_puzzle, families_hunyuan, families_kimi,
    families_minimax, families_compressed, families_dense,  families_shared,  families_linear};

static const Family *
find_family(const char *type)
{
  for (guint t = 0; t < G_N_ELEMENTS(tables); t++)
    for (const Family *family = tables[t]; family->type != NULL; family++)
      if (g_str_equal(family->type, type))
        return family;
  return NULL;
}

const char *
model_config_family(guint index)
{
  for (guint t = 0; t < G_N_ELEMENTS(tables); t++)
    for (const Family *family = tables[t]; family->type != NULL; family++, index--)
      if (index == 0)
        return family->type;
  return NULL;
}

/* Those whose names begin alike, and some that everybody knows. */
static gboolean
refuse_family(const ConfigReader *reader, const char *type)
{
  enum { LEAST_ALIKE = 4, MOST_ALIKE = 12, NEAR = 4 };
  g_autoptr(GString) known = g_string_new("llama, qwen3, deepseek_v3, gpt_oss");
  const char *near;
  guint n = 0;

  if (type == NULL)
    return config_refuse(reader, "model_type", "the kind of model, such as \"llama\"");
  for (gsize alike = MOST_ALIKE; alike >= LEAST_ALIKE; alike--)
    for (guint i = 0; (near = model_config_family(i)) != NULL; i++)
      if (n < NEAR && strncmp(near, type, alike) == 0 && strstr(known->str, near) == NULL) {
        g_string_append_printf(known, ", %s", near);
        n++;
      }
  g_set_error(reader->error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_UNKNOWN,
              "%s: model_type: found \"%.60s\", whose layers are not known; known are %s and "
              "others (spillway list families)",
              reader->path, type, known->str);
  return FALSE;
}

/* The entry of most layers among those that pass; NULL: none does. */
static const Layer *
most_common(const Model *model, gboolean (*passes)(const Layer *layer))
{
  const Layer *most = NULL;

  for (guint i = 0; i < model->n_kinds; i++)
    if (passes(&model->kinds[i]) && (most == NULL || model->kinds[i].count > most->count))
      most = &model->kinds[i];
  return most;
}

static gboolean
attends(const Layer *layer)
{
  return layer->mixer.kind != MIXER_NONE && layer->mixer.kind != MIXER_RECURRENT;
}

static gboolean
feeds_forward(const Layer *layer)
{
  return layer->ffn > 0;
}

/* Sets the sizes by which tables of one layer are looked up: those of the attention, and of the
 * feed-forward part, that most layers have. */
static void
set_typical_layer(Model *model)
{
  const Layer *attention = most_common(model, attends), *ffn = most_common(model, feeds_forward);

  if (attention != NULL) {
    model->heads = attention->mixer.heads;
    model->kv_heads = attention->mixer.kv_heads;
    model->head_dim = attention->mixer.head_dim;
    model->qk_norm = attention->mixer.normed;
  }
  if (ffn != NULL) {
    model->ffn = ffn->ffn;
    model->experts = ffn->experts;
    model->active_experts = ffn->active_experts;
    model->gated_ffn = ffn->gated;
  }
}

static guint64
elements_of_format(const Model *model, const WeightFormat *format)
{
  guint64 elements = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    for (guint j = 0; j < model->kinds[i].n_matrices; j++) {
      const Matrix *matrix = &model->kinds[i].matrices[j];
      if (g_str_equal(matrix->format.name, format->name))
        elements += model->kinds[i].count * matrix->n * matrix->k * matrix->copies;
    }
  return elements;
}

/* The model's dtype is the format that most elements have. */
static void
set_dtype(Model *model)
{
  const WeightFormat *most = &model->head_format;
  guint64 most_elements = 0;

  for (guint i = 0; i < model->n_kinds; i++)
    for (guint j = 0; j < model->kinds[i].n_matrices; j++) {
      const WeightFormat *format = &model->kinds[i].matrices[j].format;
      guint64 elements = elements_of_format(model, format);
      if (elements > most_elements) {
        most_elements = elements;
        most = format;
      }
    }
  model->dtype = g_strdup(most->name);
  model->weight_bits = most->bits;
}

/* The key of the decoder's object; NULL: it is the file's own. */
static const char *
inner_key(const json_t *root)
{
  static const char *const keys[] = {"text_config", "llm_config", "language_config"};

  for (guint i = 0; i < G_N_ELEMENTS(keys); i++)
    if (json_is_object(json_object_get(root, keys[i])))
      return keys[i];
  return NULL;
}

static gboolean
read_decoder(const ConfigReader *reader, const Family *family, const char *type, Model *model)
{
  FamilyReader state = {.reader = *reader, .model = model};
  g_autoptr(json_t) whole = json_copy((json_t *)reader->root);
  gboolean done;

  if (family->defaults != NULL) {
    g_autoptr(json_t) defaults = json_loads(family->defaults, 0, NULL);
    g_assert(json_is_object(defaults));
    json_object_update_missing(whole, defaults);
  }
  if (reader->within != NULL) {
    g_autoptr(json_t) defaults = class_defaults(type);
    json_object_update_missing(whole, defaults);
  }
  state.reader.root = whole;
  model->family = g_strdup(type);
  done = family->read(&state) && family_read_tied(&state, family->tied) &&
         tower_read(&state.reader, model);
  if (done) {
    model->qkv_bias = state.attention.qkv_bias;
    model->all_bias = state.attention.output_bias && state.dense.bias;
    set_typical_layer(model);
    set_dtype(model);
  }
  if (done && model->heads == 0)
    done =
        config_refuse(&state.reader, "model_type", "a model with attention in some of its layers");
  quantization_free(state.quantization);
  return done;
}

/* Of an omni model servers run the thinker; what is of the whole stands beside it. NULL: the file
 * has none. The caller drops the reference. */
static json_t *
thinker_of(const json_t *root)
{
  static const char *const common[] = {"quantization_config", "torch_dtype", "dtype",
                                       "tie_word_embeddings"};
  json_t *thinker = json_object_get(root, "thinker_config"), *whole;

  if (!json_is_object(thinker))
    return NULL;
  whole = json_copy(thinker);
  for (guint i = 0; i < G_N_ELEMENTS(common); i++)
    if (json_object_get(whole, common[i]) == NULL && json_object_get(root, common[i]) != NULL)
      json_object_set(whole, common[i], json_object_get(root, common[i]));
  return whole;
}

/* The family is that of the object within, or of the file: older files name it there only. */
static gboolean
read_file(const ConfigReader *file, Model *model)
{
  const char *key = inner_key(file->root), *outer_type = config_text(file, "model_type");
  ConfigReader reader = *file;
  const char *type = outer_type;
  const Family *family = NULL;

  if (key != NULL) {
    reader.root = json_object_get(file->root, key);
    reader.within = key;
    reader.outer = file->root;
    type = config_text(&reader, "model_type");
    family = type != NULL ? find_family(type) : NULL;
  }
  if (family == NULL && outer_type != NULL) {
    type = outer_type;
    family = find_family(outer_type);
  }
  if (refused_by_kind(file))
    return FALSE;
  return family != NULL ? read_decoder(&reader, family, type, model) : refuse_family(file, type);
}

static gboolean
read_model(const ConfigReader *file, Model *model)
{
  g_autoptr(json_t) thinker = thinker_of(file->root);
  ConfigReader reader = *file;

  if (thinker != NULL)
    reader.root = thinker;
  return read_file(&reader, model);
}

/* --quantization, as the `quantization_config` of a file that is published so. */
static const struct {
  const char *name, *config;
} quantizations[] = {
    {"fp8", "{\"quant_method\": \"fp8\", \"activation_scheme\": \"dynamic\"}"},
    {"fp8_block", "{\"quant_method\": \"fp8\", \"activation_scheme\": \"dynamic\","
                  " \"weight_block_size\": [128, 128]}"},
    {"nvfp4", "{\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\", \"group_size\": 16}"},
    {"int4", "{\"quant_method\": \"gptq\", \"bits\": 4, \"group_size\": 128, \"sym\": true}"},
};

static gboolean
set_quantization(json_t *root, const char *path, const char *name, GError **error)
{
  const char *inner = inner_key(root);
  const ConfigReader reader = {
      .path = path,
      .root = inner != NULL ? json_object_get(root, inner) : root,
      .outer = inner != NULL ? root : NULL,
      .error = error,
  };
  g_auto(QuantizationSource) own = {0};
  const char *method;
  g_autoptr(GString) known = g_string_new(NULL);

  if (!quantization_source_find(&reader, &own))
    return FALSE;
  method = own.method;
  if (method != NULL && g_str_has_prefix(name, method)) /* a server is told what the file says */
    return TRUE;
  if (own.found != NULL) {
    g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_VALUE,
                "--quantization: found '%s', and %s says itself how its weights are quantized "
                "(%s); leave it out",
                name, own.path, method != NULL ? method : "quantization_config");
    return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS(quantizations); i++) {
    if (g_str_equal(name, quantizations[i].name)) {
      json_object_set_new(root, "quantization_config",
                          json_loads(quantizations[i].config, 0, NULL));
      return TRUE;
    }
    g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", quantizations[i].name);
  }
  g_set_error(error, MODEL_CONFIG_ERROR, MODEL_CONFIG_ERROR_VALUE,
              "--quantization: found '%s', expected one of %s; weights that are published "
              "quantized (AWQ, GPTQ) say so in their own config.json: give that as --model",
              name, known->str);
  return FALSE;
}

Model *
model_config_read_quantized(const char *path, const char *name, const char *quantization,
                            GError **error)
{
  g_autoptr(json_t) root = config_load(path, "a model's config.json", error);
  g_autoptr(Model) model = g_new0(Model, 1);
  const ConfigReader reader = {.path = path, .root = root, .error = error};

  if (root == NULL || (quantization != NULL && !set_quantization(root, path, quantization, error)))
    return NULL;
  model->name = g_strdup(name);
  return read_model(&reader, model) ? g_steal_pointer(&model) : NULL;
}

Model *
model_config_read(const char *path, const char *name, GError **error)
{
  return model_config_read_quantized(path, name, NULL, error);
}

void
model_add_drafts(Model *model, guint32 tokens)
{
  for (guint i = 0; i < model->n_kinds; i++) {
    Mixer *mixer = &model->kinds[i].mixer;
    if (mixer->kind == MIXER_RECURRENT && mixer->conv_width > 1)
      mixer->window_elements += mixer->window_elements / (mixer->conv_width - 1) * tokens;
  }
  for (guint32 i = 0; i < model->draft_layers; i++)
    model_add_layer(model, &model->draft);
  model->draft_tokens = tokens;
}
