/* Names of devices and dtypes as sources write them. */
#include "common.h"

#include <string.h>

G_DEFINE_QUARK(spillway - import - error - quark, import_error)

/* Lower case, letters and digits only. */
static char *
squeeze(const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);

  for (; *text != '\0'; text++)
    if (g_ascii_isalnum(*text))
      g_string_append_c(out, g_ascii_tolower(*text));
  return g_string_free(g_steal_pointer(&out), FALSE);
}

/* A card by what its name holds, and the shipped device that it is. `own`: what it is called where
 * it is another card than that device. */
typedef struct {
  const char *part, *other, *device, *own;
} Card;

/* The first card whose two parts both occur in the name; NULL: none. */
static const Card *
find_card(const char *gpu_name)
{
  /* Cards made for one country with slower links (A800, H800) compute as those that they are made
   * from: both are the one shipped device. */
  static const Card known[] = {
      {"laptop", "", NULL, NULL},
      {"rtxpro6000", "", "rtx-pro-6000", NULL},
      {"gh200", "", "gh200", NULL},
      {"h100", "pcie", "h100-pcie", NULL},
      {"h100", "nvl", "h100-nvl", NULL},
      {"h100", "", "h100-sxm", NULL},
      {"h800", "", "h100-sxm", "h800"},
      {"h200", "", "h200", NULL},
      {"gb200", "", "gb200", NULL},
      {"gb300", "", "gb300", NULL},
      {"b300", "", "b300", NULL},
      {"b200", "", "b200", NULL},
      {"a100", "40gb", "a100-40gb", NULL},
      {"a100", "", "a100-80gb", NULL},
      {"a800", "", "a100-80gb", "a800"},
      {"l40s", "", "l40s", NULL},
      {"l40", "", NULL, NULL},
      {"a6000", "", "rtx-a6000", NULL},
      {"a5000", "", "rtx-a5000", NULL},
      {"6000ada", "", "rtx-6000-ada", NULL},
      {"rtx3090", "", "rtx-3090", NULL},
      {"rtx5090d", "", NULL, NULL},
      {"rtx5090", "", "rtx-5090", NULL},
      {"h20e", "", NULL, NULL},
      {"h203e", "", NULL, NULL},
      {"h20", "", "h20", NULL},
      {"nvidial4", "", "l4", NULL},
      {"nvidiaa10g", "", NULL, NULL},
      {"nvidiaa10", "", "a10", NULL},
      {"rtx4090d", "", NULL, NULL},
      {"rtx4090", "", "rtx-4090", NULL},
      {"mi300x", "", "mi300x", NULL},
  };
  g_autofree char *name = squeeze(gpu_name);

  for (guint i = 0; i < G_N_ELEMENTS(known); i++)
    if (strstr(name, known[i].part) != NULL && strstr(name, known[i].other) != NULL)
      return &known[i];
  return NULL;
}

const char *
import_guess_device(const char *gpu_name)
{
  const Card *card = find_card(gpu_name);

  return card != NULL ? card->device : NULL;
}

const char *
import_guess_card(const char *gpu_name)
{
  const Card *card = find_card(gpu_name);

  return card == NULL || card->own == NULL ? import_guess_device(gpu_name) : card->own;
}

static char *
slug(const char *text)
{
  g_autoptr(GString) out = g_string_new(NULL);

  for (; *text != '\0'; text++)
    if (g_ascii_isalnum(*text))
      g_string_append_c(out, g_ascii_tolower(*text));
    else if (out->len > 0 && out->str[out->len - 1] != '-')
      g_string_append_c(out, '-');
  while (out->len > 0 && out->str[out->len - 1] == '-')
    g_string_truncate(out, out->len - 1);
  return g_string_free(g_steal_pointer(&out), FALSE);
}

static void
set_if_empty(char **text, char *value)
{
  g_autofree char *unused = value;

  if (**text == '\0') {
    g_free(*text);
    *text = g_steal_pointer(&unused);
  }
}

void
import_add_note(Profile *profile, const char *format, ...)
{
  g_autofree char *sentence = NULL;
  va_list args;

  va_start(args, format);
  sentence = g_strdup_vprintf(format, args);
  va_end(args);
  if (strstr(profile->note, sentence) == NULL)
    profile_add_note(profile, "%s", sentence);
}

void
import_know_device(Profile *profile, const char *gpu_name)
{
  const char *device = import_guess_device(gpu_name);

  if (*gpu_name == '\0') {
    import_add_note(profile, "The tables do not say which device was measured.");
    return;
  }
  if (device != NULL)
    set_if_empty(&profile->device, g_strdup(device));
  set_if_empty(&profile->name, slug(device != NULL ? device : gpu_name));
  if (g_strcmp0(device, profile->device) != 0)
    import_add_note(profile, "Measured on \"%s\", taken for %s.", gpu_name,
                    *profile->device != '\0' ? profile->device : "no shipped device");
}

char *
import_source(const char *importer, const char *path)
{
  g_autofree char *file = g_path_get_basename(path);

  return g_strdup_printf("%s %s", importer, file);
}

const char *
import_dtype(const char *name)
{
  static const struct {
    const char *name, *dtype;
  } known[] = {
      {"bf16", "bfloat16"}, {"torch.bfloat16", "bfloat16"}, {"fp16", "float16"},
      {"half", "float16"},  {"torch.float16", "float16"},   {"fp32", "float32"},
      {"float", "float32"}, {"float8_e4m3fn", "fp8"},       {"e4m3", "fp8"},
      {"fp8_e4m3", "fp8"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(known); i++)
    if (g_str_equal(name, known[i].name))
      return known[i].dtype;
  return name;
}
