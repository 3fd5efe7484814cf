/* hardware.yaml of LLMServingSim's profiler: what collectives of a card's servers take.
 *
 *   spec.gpu_name, measured.interconnect: npus, dtype and a list of samples, each with collective,
 *   bytes, us and us_graphed, a key a line
 *
 * Bytes of an all-reduce are those of its input. What tensor parallelism does not use is counted.
 */
#include "llmservingsim.h"

#include "files/input.h"

#include <string.h>

typedef struct {
  LlmServingSim *reader;
  const char *path;
  guint line, sample_line;
  gboolean in_samples;
  char *gpu, *dtype, *collective;
  gint64 ranks, bytes;
  double us, us_graphed;
} Hardware;

static void
hardware_clear(Hardware *self)
{
  g_free(self->gpu);
  g_free(self->dtype);
  g_free(self->collective);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Hardware, hardware_clear)

gboolean
llmservingsim_is_hardware(const char *path)
{
  g_autofree char *name = g_path_get_basename(path);

  return g_str_equal(name, "hardware.yaml") && g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

static gboolean
refuse(const Hardware *self, guint line, const char *key, const char *found, const char *expected,
       GError **error)
{
  g_set_error(error, CSV_TABLE_ERROR, CSV_TABLE_ERROR_VALUE, "%s:%u: %s is \"%s\", expected %s",
              self->path, line, key, found, expected);
  return FALSE;
}

#define MOST 1e18

static gboolean
read_number(const Hardware *self, const char *key, const char *text, double *value, GError **error)
{
  char *stop;

  *value = g_ascii_strtod(text, &stop);
  return (stop != text && *stop == '\0' && *value > 0 && *value < MOST) ||
         refuse(self, self->line, key, text, "a number above 0", error);
}

static gboolean
read_whole(const Hardware *self, const char *key, const char *text, gint64 *value, GError **error)
{
  double number;

  if (!read_number(self, key, text, &number, error))
    return FALSE;
  *value = (gint64)number;
  return (double)*value == number ||
         refuse(self, self->line, key, text, "a whole number above 0", error);
}

/* The sample that the lines before have told, if there was one. */
static gboolean
end_sample(Hardware *self, GError **error)
{
  double us = self->us_graphed > 0 ? self->us_graphed : self->us;

  if (self->collective == NULL)
    return TRUE;
  if (self->bytes == 0 || us == 0)
    return refuse(self, self->sample_line, "collective", self->collective, "bytes and us with it",
                  error);
  if (self->ranks < 2 || self->dtype == NULL)
    return refuse(self, self->sample_line, "collective", self->collective,
                  "npus of at least 2 and dtype before the samples", error);
  if (g_str_equal(self->collective, "all_reduce")) {
    const gint64 shape[OPERATION_SHAPE_MAX] = {self->bytes, self->ranks};
    const ProfileSample sample = llmservingsim_sample(self->reader, OP_ALL_REDUCE, "nccl",
                                                      import_dtype(self->dtype), shape, us);
    profile_add(self->reader->profile, &sample);
  } else {
    g_autofree char *what = g_strdup_printf(
        "the collective %s, which tensor parallelism does not use", self->collective);
    llmservingsim_leave_out(self->reader, what);
  }
  g_clear_pointer(&self->collective, g_free);
  self->bytes = 0;
  self->us = self->us_graphed = 0;
  return TRUE;
}

static void
replace(char **text, const char *value)
{
  g_free(*text);
  *text = g_strdup(value);
}

/* npus, dtype and samples are of what comes behind them: they end the sample before. */
static gboolean
read_pair(Hardware *self, const char *key, const char *value, GError **error)
{
  static const char *const ahead[] = {"samples", "npus", "dtype", NULL};

  if (g_strv_contains(ahead, key) && !end_sample(self, error))
    return FALSE;
  if (g_str_equal(key, "samples"))
    self->in_samples = TRUE;
  else if (g_str_equal(key, "npus"))
    return read_whole(self, key, value, &self->ranks, error);
  else if (g_str_equal(key, "dtype"))
    replace(&self->dtype, value);
  else if (!self->in_samples)
    return TRUE;
  else if (g_str_equal(key, "collective"))
    replace(&self->collective, value);
  else if (g_str_equal(key, "bytes"))
    return read_whole(self, key, value, &self->bytes, error);
  else if (g_str_equal(key, "us"))
    return read_number(self, key, value, &self->us, error);
  else if (g_str_equal(key, "us_graphed"))
    return read_number(self, key, value, &self->us_graphed, error);
  return TRUE;
}

/* What a scalar says: without its quotes, if it has any. In place. */
static char *
scalar(char *text)
{
  char *value = g_strstrip(text);
  gsize end = strlen(value);

  if (end < 2 || strchr("'\"", value[0]) == NULL || value[end - 1] != value[0])
    return value;
  value[end - 1] = '\0';
  return value + 1;
}

static gboolean
read_line(Hardware *self, char *line, GError **error)
{
  char *text = g_strstrip(line), *colon = strchr(text, ':');
  gboolean is_item = g_str_has_prefix(text, "- ") && colon != NULL;

  if (colon == NULL)
    return TRUE;
  *colon = '\0';
  if (is_item && self->in_samples) {
    if (!end_sample(self, error))
      return FALSE;
    self->sample_line = self->line;
  }
  return read_pair(self, is_item ? text + 2 : text, scalar(colon + 1), error);
}

/* What a line calls the GPU, NULL if it does not. Caller frees. */
static char *
gpu_name(const char *line)
{
  static const char key[] = "gpu_name:";

  g_autofree char *value = NULL;

  line += strspn(line, " ");
  if (!g_str_has_prefix(line, key))
    return NULL;
  value = g_strdup(line + strlen(key));
  return g_strdup(scalar(value));
}

gboolean
llmservingsim_read_hardware(LlmServingSim *reader, const char *path, GError **error)
{
  g_auto(Hardware) self = {.reader = reader, .path = path};
  g_autofree char *content = input_read(path, INPUT_PLAIN, INPUT_TEXT_MAX_BYTES, NULL, error);
  g_autofree char *source = import_source("llmservingsim", path);
  g_auto(GStrv) lines = NULL;
  guint before = reader->profile->samples->len;

  if (content == NULL) {
    g_prefix_error(error, "%s: cannot be read: ", path);
    return FALSE;
  }
  lines = g_strsplit(content, "\n", -1);
  for (char **line = lines; *line != NULL && self.gpu == NULL; line++)
    self.gpu = gpu_name(*line);
  reader->origin = profile_add_origin(
      reader->profile, &(ProfileOrigin){.source = source, .measured_device = self.gpu});
  for (char **line = lines; *line != NULL; line++) {
    self.line++;
    if (!read_line(&self, *line, error))
      return FALSE;
  }
  if (!end_sample(&self, error))
    return FALSE;
  if (reader->profile->samples->len == before) {
    g_set_error(error, IMPORT_ERROR, IMPORT_ERROR_FILE,
                "%s: has no sample of an all_reduce (measured, interconnect, samples)", path);
    return FALSE;
  }
  reader->gpu = self.gpu != NULL ? g_steal_pointer(&self.gpu) : g_strdup("");
  return TRUE;
}
