/* The model, the device with its costs, and the host of a scenario, from what names them. */
#include "hardware.h"

#include "executors.h"
#include "resolve.h"
#include "resolver.h"

gboolean
resolve_kv_cache_dtype(Model *model, const char *name, GError **error)
{
  if (name == NULL || model_set_kv_cache_dtype(model, name))
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "--kv-cache-dtype: found '%s', expected auto, fp8, fp8_e4m3, fp8_e5m2, bfloat16 or "
              "float16",
              name);
  return FALSE;
}

/* TRUE for what vLLM's option is for. States of KDA and of lightning attention keep their own, a
 * convolution has none. */
static gboolean
is_scan(const Mixer *mixer)
{
  return mixer->recurrent == RECURRENT_MAMBA || mixer->recurrent == RECURRENT_MAMBA2 ||
         mixer->recurrent == RECURRENT_DELTA;
}

/* FALSE: no layer has such states. What convolutions keep stays as it is. */
static gboolean
set_state_bits(Model *model, guint32 bits, gboolean scans_alone)
{
  gboolean any = FALSE;

  for (guint i = 0; i < model->n_kinds; i++) {
    Mixer *mixer = &model->kinds[i].mixer;
    if (mixer->kind != MIXER_RECURRENT || mixer->state_elements == 0 ||
        (scans_alone && !is_scan(mixer)))
      continue;
    mixer->state_bits = bits;
    any = TRUE;
  }
  return any;
}

gboolean
resolve_state_dtype(Model *model, const char *name, gboolean is_sglang, const char **without,
                    GError **error)
{
  static const char *const names[] = {"float32", "float16", "bfloat16", NULL};

  *without = NULL;
  if (name == NULL || g_str_equal(name, "auto"))
    return TRUE;
  if (!g_strv_contains(names, name)) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--mamba-ssm-cache-dtype: found '%s', expected auto, float32, float16 or bfloat16",
                name);
    return FALSE;
  }
  if (!set_state_bits(model, g_str_equal(name, "float32") ? 32 : 16, !is_sglang))
    *without = is_sglang ? "recurrent states" : "states of Mamba or of the gated delta rule";
  return TRUE;
}

gboolean
resolver_decoder(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;
  const char *const formats[] = {"auto", "dummy", "safetensors", NULL};
  const char *const methods[] = {"pieces", "batch", "kernel", NULL};

  if (!executor_computes(s->executor))
    return TRUE;
  if (settings->load_format != NULL && !g_strv_contains(formats, settings->load_format))
    return resolver_refuse(error, "--load-format: found '%s', expected auto, dummy or safetensors",
                           settings->load_format);
  if (settings->copy_method != NULL && !g_strv_contains(methods, settings->copy_method))
    return resolver_refuse(error, "--copy-method: found '%s', expected pieces, batch or kernel",
                           settings->copy_method);
  if (g_strcmp0(settings->copy_method, "kernel") == 0 &&
      g_strcmp0(settings->host_memory, "pageable") == 0)
    return resolver_refuse(error, "--copy-method kernel needs --host-memory pinned");
  if (settings->model == NULL)
    return resolver_refuse(
        error, "--model is missing: a name from 'spillway list models', or a config.json");
  s->decoder = resolve_decoder_config(settings->model, error);
  if (s->decoder == NULL) {
    g_prefix_error(error, "--model: ");
    return FALSE;
  }
  if (settings->quantization != NULL)
    return resolver_refuse(error, "--quantization: the executor %s computes with plain weights",
                           s->executor->name);
  if (s->model->kv_bits != 16)
    return resolver_refuse(error, "--kv-cache-dtype: the executor %s keeps KV at 16 bits or more",
                           s->executor->name);
  return TRUE;
}

static gboolean
read_costs(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;

  if (r->shelf == NULL
          ? !resolve_costs(settings->device, settings->kernels, &s->device, &s->profile, error)
          : !shelf_costs(r->shelf, settings->device, &s->device, &s->profile, &s->profile_digest,
                         error))
    return FALSE;
  resolver_note_doubts(r);
  return TRUE;
}

/* How wide recurrent states are: as the engine keeps them, or as it is typed. */
static gboolean
resolve_states(Resolver *r, GError **error)
{
  const char *name = r->settings->mamba_ssm_cache_dtype;
  gboolean is_sglang = resolver_is_sglang(r);
  Model *model = r->scenario->model;
  const char *without;

  if (name != NULL && model == NULL)
    return resolver_refuse(error, "--mamba-ssm-cache-dtype needs --model");
  if (model == NULL)
    return TRUE;
  if (is_sglang)
    set_state_bits(model, model->sglang_state_bits, FALSE);
  if (!resolve_state_dtype(model, name, is_sglang, &without, error))
    return FALSE;
  if (without != NULL)
    resolver_note(r, "--mamba-ssm-cache-dtype changes nothing: %s has no %s", model->name, without);
  return TRUE;
}

gboolean
resolver_hardware(Resolver *r, GError **error)
{
  const Settings *settings = r->settings;
  Scenario *s = r->scenario;

  if (s->executor->needs_cost && settings->model == NULL)
    return resolver_refuse(
        error, "--model is missing: a name from 'spillway list models', or a config.json");
  if (s->executor->needs_cost && settings->device == NULL)
    return resolver_refuse(error, "--device is missing: a name from 'spillway list devices'");
  if (settings->quantization != NULL && settings->model == NULL)
    return resolver_refuse(error, "--quantization needs --model");
  if (settings->model != NULL && (s->model = resolve_model_quantized(
                                      settings->model, settings->quantization, error)) == NULL) {
    if (error != NULL && !g_str_has_prefix((*error)->message, "--"))
      g_prefix_error(error, "--model: ");
    return FALSE;
  }
  if (settings->kv_cache_dtype != NULL && s->model == NULL)
    return resolver_refuse(error, "--kv-cache-dtype needs --model");
  if (s->model != NULL && !resolve_kv_cache_dtype(s->model, settings->kv_cache_dtype, error))
    return FALSE;
  if (!resolve_states(r, error))
    return FALSE;
  if (settings->device != NULL && !read_costs(r, error)) {
    g_prefix_error(error, "--device: ");
    return FALSE;
  }
  resolver_sglang_kv(r);
  if (s->executor->needs_cost &&
      (s->host = resolve_host(settings->host, s->device, s->profile, error)) == NULL) {
    g_prefix_error(error, "--host: ");
    return FALSE;
  }
  return TRUE;
}
