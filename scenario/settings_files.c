#include "settings_files.h"

#include <string.h>

#include "files/output.h"
#include "output_file.h"
#include "resolve.h"
#include "settings_option.h"
#include "scenario/workload/generated_files.h"
#include "scenario/workload/trace_name.h"

typedef struct {
  GArray *outputs, *inputs; /* of NamedFile */
  GStringChunk *texts;
} Files;

static void
add(Files *files, GArray *list, const char *name, const char *path)
{
  const NamedFile file = {g_string_chunk_insert(files->texts, name),
                          g_string_chunk_insert(files->texts, path)};

  g_array_append_val(list, file);
}

static char *
add_lengths(const char *name, gpointer data)
{
  Files *files = data;

  add(files, files->inputs, "trace", name);
  return g_strdup(name);
}

/* The file that an option's value names: of a model its config.json, of a recording the part before
 * a colon, of a generated trace the file that lengths are drawn from. */
static void
add_input(Files *files, const char *option, const char *text)
{
  const char *colon = strrchr(text, ':');

  add(files, files->inputs, option, text);
  if (g_str_equal(option, "model")) {
    g_autofree char *path = resolve_model_file(text);
    if (path != NULL)
      add(files, files->inputs, option, path);
  } else if (g_str_equal(option, "trace")) {
    g_autofree char *with = generated_files_replace(text, add_lengths, files);
    g_autofree char *path = trace_name_path(text, NULL);
    if (path != NULL)
      add(files, files->inputs, option, path);
  } else if (g_str_equal(option, "replay") && colon != NULL) {
    g_autofree char *path = g_strndup(text, (gsize)(colon - text));
    add(files, files->inputs, option, path);
  }
}

/* -o adds to a results database, so the one that is replayed may be an output. */
static gboolean
is_input(const SettingsOption *option)
{
  return option->kind == KIND_FILE &&
         (option->group != GROUP_OUTPUT || g_str_equal(option->name, "against"));
}

static void
files_init(Files *files)
{
  *files = (Files){.outputs = g_array_new(FALSE, FALSE, sizeof(NamedFile)),
                   .inputs = g_array_new(FALSE, FALSE, sizeof(NamedFile)),
                   .texts = g_string_chunk_new(256)};
}

/* The files that the settings read and write. */
static void
add_settings(Files *files, const Settings *settings)
{
  for (guint i = 0; i < settings_n_options; i++) {
    const SettingsOption *option = &settings_options[i];
    const char *text = option->kind == KIND_FILE
                           ? *(char *const *)((const char *)settings + option->offset)
                           : NULL;
    g_autofree char *name = g_strconcat("--", option->name, NULL);
    if (text == NULL)
      continue;
    if (is_input(option))
      add_input(files, option->name, text);
    else
      add(files, files->outputs, name, text);
  }
}

static gboolean
check_and_clear(Files *files, GError **error)
{
  gboolean worked = output_file_check(
      (const NamedFile *)(gpointer)files->outputs->data, files->outputs->len,
      (const NamedFile *)(gpointer)files->inputs->data, files->inputs->len, error);

  g_array_unref(files->outputs);
  g_array_unref(files->inputs);
  g_string_chunk_free(files->texts);
  return worked;
}

gboolean
settings_check_outputs(const Settings *settings, const NamedFile *outputs, guint n_outputs,
                       const NamedFile *inputs, guint n_inputs, GError **error)
{
  Files files;

  files_init(&files);
  add_settings(&files, settings);
  for (guint i = 0; i < n_outputs; i++)
    if (outputs[i].path != NULL)
      add(&files, files.outputs, outputs[i].name, outputs[i].path);
  for (guint i = 0; i < n_inputs; i++)
    if (inputs[i].path != NULL)
      add(&files, files.inputs, inputs[i].name, inputs[i].path);
  return check_and_clear(&files, error);
}

gboolean
settings_check_files(const Settings *settings, GError **error)
{
  Files files;

  files_init(&files);
  add_settings(&files, settings);
  /* Beside a results database SQLite keeps its journal or log. */
  if (settings->output != NULL)
    for (const char *const *suffix = (const char *const[]){"-journal", "-wal", "-shm", NULL};
         *suffix != NULL; suffix++) {
      g_autofree char *path = g_strconcat(settings->output, *suffix, NULL);
      add(&files, files.outputs, "--output", path);
    }
  for (guint i = 0; i < files.inputs->len; i++) {
    NamedFile *input = &g_array_index(files.inputs, NamedFile, i);
    if (settings->output != NULL && g_str_equal(input->name, "replay") &&
        output_is_same(settings->output, input->path))
      input->path = NULL;
  }
  return check_and_clear(&files, error);
}
