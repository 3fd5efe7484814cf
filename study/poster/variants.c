/* Settings beside the study: the engines of its time, costs that are off, and what has come since.
 */
#include "poster.h"

#define GQA_MODEL "llama-3.1-8b"

static void
free_data(gpointer data)
{
  poster_data_free(data);
}

static GPtrArray *
measure_all(const PosterSetting *settings, guint n, Shelf *shelf, GError **error)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_data);

  for (guint i = 0; i < n; i++) {
    PosterData *data = poster_measure(&settings[i], shelf, error);
    if (data == NULL) {
      g_prefix_error(error, "%s: ", settings[i].title);
      return NULL;
    }
    g_ptr_array_add(all, data);
  }
  return g_steal_pointer(&all);
}

/* What is not named is as in the study. */
static GPtrArray *
measure_as_study(PosterSetting *settings, guint n, const PosterSetting *study, Shelf *shelf,
                 GError **error)
{
  for (guint i = 0; i < n; i++) {
    PosterSetting *s = &settings[i];
    s->device = s->device != NULL ? s->device : study->device;
    s->model = s->model != NULL ? s->model : study->model;
    s->scheduler = s->scheduler != NULL ? s->scheduler : study->scheduler;
    s->copy_path = s->copy_path != NULL ? s->copy_path : study->copy_path;
    s->burst = study->burst;
  }
  return measure_all(settings, n, shelf, error);
}

/* vLLM 0.5.3 to 0.6.3 chunk prefills by themselves when max_model_len exceeds 32768, which this
 * model's does; the poster tells neither version nor length. */
GPtrArray *
poster_engines(const PosterSetting *study, Shelf *shelf, GError **error)
{
  PosterSetting settings[] = {
      {.title = "vllm-0.5", .scheduler = "vllm-0.5"},
      {.title = "vllm-0.5, chunked prefill", .scheduler = "vllm-0.5", .chunked = TRUE},
      {.title = "vllm-0.6", .scheduler = "vllm-0.6"},
      {.title = "vllm-0.6, chunked prefill", .scheduler = "vllm-0.6", .chunked = TRUE},
  };

  return measure_as_study(settings, G_N_ELEMENTS(settings), study, shelf, error);
}

/* One thing changed at a time, then all of them. */
GPtrArray *
poster_changes(const PosterSetting *study, Shelf *shelf, GError **error)
{
  PosterSetting settings[] = {
      {.title = "as in the study"},
      {.title = "copies submitted as one (batched)", .copy_path = "batched"},
      {.title = "a block's layers lie together (merged layout)", .copy_path = "per-block"},
      {.title = "copies hidden behind compute, wholly (a bound)",
       .what_if = "h2d=0,d2h=0,copy-launch=0"},
      {.title = "GQA: " GQA_MODEL ", a quarter of the KV a token", .model = GQA_MODEL},
      {.title = "H100, PCIe 5", .device = "h100-sxm"},
      {.title = "H100, PCIe 5, merged layout", .device = "h100-sxm", .copy_path = "per-block"},
      {.title = "GH200, link to the CPU", .device = "gh200"},
      {.title = "GH200, merged layout", .device = "gh200", .copy_path = "per-block"},
      {.title = "today: H100, " GQA_MODEL ", vllm-v1, merged layout",
       .device = "h100-sxm",
       .model = GQA_MODEL,
       .scheduler = "vllm-v1",
       .copy_path = "per-block"},
  };

  return measure_as_study(settings, G_N_ELEMENTS(settings), study, shelf, error);
}

/* Further off than published tables show the model to be. */
GPtrArray *
poster_errors(const PosterSetting *study, Shelf *shelf, GError **error)
{
  PosterSetting settings[] = {
      {.title = "arithmetic a fifth slower", .what_if = "flops=0.8x"},
      {.title = "arithmetic a quarter faster", .what_if = "flops=1.25x"},
      {.title = "device memory a fifth slower", .what_if = "hbm=0.8x"},
      {.title = "the link a fifth slower", .what_if = "h2d=0.8x,d2h=0.8x"},
      {.title = "the link a quarter faster", .what_if = "h2d=1.25x,d2h=1.25x"},
      {.title = "a copy's launch twice as long", .what_if = "copy-launch=2x"},
      {.title = "a copy's launch half as long", .what_if = "copy-launch=0.5x"},
      {.title = "no host time between steps", .what_if = "host=0"},
  };

  return measure_as_study(settings, G_N_ELEMENTS(settings), study, shelf, error);
}
