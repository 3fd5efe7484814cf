/* GKeyFile reads the values. It merges keys that occur twice and has no line numbers, so a pass
 * over the lines comes first. */
#include "study.h"
#include "files/input.h"
#include "paths.h"

#include "scenario/typed.h"
#include "scenario/flags/server_flags.h"

#include <string.h>

#define MAX_CELLS 10000000u

static const char *const group_names[] = {"study", "run", "grid", NULL};
static const char *const study_keys[] = {"name", "seeds", NULL};

/* Options of a run that a study cannot have. */
static const struct {
  const char *name, *advice;
} refused[] = {
    {"output", "the results go to the sweep's -o"},
    {"format", "it is of what is printed: give it to 'spillway sweep'"},
    {"decisions", "a sweep writes no logs; run that cell by itself with 'spillway run'"},
    {"output-token-ids", "a sweep computes nothing; run that cell by itself with 'spillway live'"},
    {"record-steps", "a sweep records no steps; run that cell by itself with 'spillway run'"},
    {"replay", "a sweep replays nothing; run that cell by itself with 'spillway run'"},
    {"plot", "a sweep draws no plots; 'spillway plot' draws them from its database"},
    {"perfetto", "a sweep writes no traces; run that cell by itself with 'spillway run'"},
    {"perfetto-window", "a sweep writes no traces; run that cell by itself with 'spillway run'"},
    {"requests", "--detail all keeps every request in the database"},
    {"against", "a sweep is held against nothing; run that cell by itself with 'spillway run'"},
    {"dry-run", "'spillway sweep --dry-run' lists the cells"},
    {"vllm-args", "give its options one by one; 'spillway run --dry-run' shows what they are"},
    {"sglang-args", "give its options one by one; 'spillway run --dry-run' shows what they are"},
    {"trtllm-args", "give its options one by one; 'spillway run --dry-run' shows what they are"},
    {"seed", "the seeds of a study are in [study]: seeds = 1,2,3"},
};

typedef struct {
  Study *study;
  GKeyFile *file;
  GHashTable *lines; /* "group\nkey" → line */
  char *folder;
} Reader;

static gboolean refuse(const Reader *r, guint line, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

static gboolean
refuse(const Reader *r, guint line, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  if (line > 0)
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s:%u: %s", r->study->path, line,
                text);
  else
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: %s", r->study->path, text);
  return FALSE;
}

static gboolean
refuse_name(const Reader *r, guint line, const char *what, const char *found,
            const char *const *expected, GError **error)
{
  g_autofree char *list = g_strjoinv(", ", (char **)(gpointer)expected);
  g_autofree char *hint = typed_hint(found, expected);

  return refuse(r, line, error, "found %s '%.60s', expected one of %s%s", what, found, list, hint);
}

static guint
line_of(const Reader *r, const char *group, const char *key)
{
  g_autofree char *name = g_strconcat(group, "\n", key, NULL);

  return GPOINTER_TO_UINT(g_hash_table_lookup(r->lines, name));
}

/* Remembers the line of a key or (key NULL) a group; each may stand once. */
static gboolean
remember(Reader *r, const char *group, const char *key, guint line, GError **error)
{
  char *name = g_strconcat(group, "\n", key, NULL);
  guint before = GPOINTER_TO_UINT(g_hash_table_lookup(r->lines, name));

  g_hash_table_replace(r->lines, name, GUINT_TO_POINTER(line));
  if (before == 0)
    return TRUE;
  return refuse(r, line, error,
                "found %s%s%s a second time, the first is in line %u; expected it once",
                key != NULL ? key : "[", key != NULL ? "" : group, key != NULL ? "" : "]", before);
}

static gboolean
scan_line(Reader *r, char **group, char *line, guint number, GError **error)
{
  char *equals;

  g_strstrip(line);
  if (*line == '\0' || *line == '#')
    return TRUE;
  if (*line == '[' && g_str_has_suffix(line, "]")) {
    g_free(*group);
    *group = g_strndup(line + 1, strlen(line) - 2);
    if (!g_strv_contains(group_names, *group))
      return refuse_name(r, number, "the group", *group, group_names, error);
    return remember(r, *group, NULL, number, error);
  }
  equals = strchr(line, '=');
  if (*group == NULL)
    return refuse(r, number, error, "found '%.60s', expected [study], [run] or [grid] before it",
                  line);
  if (equals == NULL || equals == line)
    return refuse(r, number, error, "found '%.60s', expected OPTION = VALUE", line);
  *equals = '\0';
  g_strchomp(line);
  return remember(r, *group, line, number, error);
}

static gboolean
scan_lines(Reader *r, const char *text, GError **error)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autofree char *group = NULL;

  for (guint i = 0; lines[i] != NULL; i++)
    if (!scan_line(r, &group, lines[i], i + 1, error))
      return FALSE;
  return TRUE;
}

/* The option's name as the table has it: vLLM's underscores are dashes. */
static gboolean
check_option(const Reader *r, const char *name, gboolean in_grid, guint line, GError **error)
{
  g_autofree const char **names = settings_names();
  g_autofree char *advice = server_flag_advice(name);
  g_autofree char *hint = NULL;

  for (guint i = 0; i < G_N_ELEMENTS(refused); i++)
    if (g_str_equal(name, refused[i].name))
      return refuse(r, line, error, "found %s, which a study cannot have: %s", name,
                    refused[i].advice);
  if (in_grid && g_str_equal(name, "no-stride"))
    return refuse(r, line, error,
                  "found no-stride in the grid: it changes no result; put it into [run]");
  if (g_strv_contains((const char *const *)names, name))
    return TRUE;
  if (advice != NULL)
    return refuse(r, line, error, "found %s, expected an option of 'spillway run': %s", name,
                  advice);
  hint = typed_hint(name, (const char *const *)names);
  return refuse(r, line, error, "found %.60s, expected an option of 'spillway run'%s", name, hint);
}

static gboolean
check_value(const Reader *r, const StudyOption *option, const char *value, GError **error)
{
  g_autoptr(Settings) scratch = settings_new();
  g_autoptr(GError) cause = NULL;

  if (g_str_equal(option->name, "trace") && g_str_equal(value, "-"))
    return refuse(r, option->line, error,
                  "trace: found '-', expected a file: standard input can be read only once");
  if (settings_set(scratch, option->name, value, &cause))
    return TRUE;
  return refuse(r, option->line, error, "%s", cause->message);
}

static void
study_option_free(gpointer data)
{
  StudyOption *option = data;

  g_free(option->name);
  g_strfreev(option->texts);
  g_strfreev(option->values);
  g_free(option);
}

/* The texts of a key: a list in the grid, else the whole value, commas and all. */
static char **
read_texts(const Reader *r, const char *group, const char *key, guint line, GError **error)
{
  g_autoptr(GError) cause = NULL;
  char **texts;

  if (g_str_equal(group, "run")) {
    texts = g_new0(char *, 2);
    texts[0] = g_key_file_get_string(r->file, group, key, &cause);
  } else {
    texts = g_key_file_get_string_list(r->file, group, key, NULL, &cause);
  }
  if (cause != NULL) {
    g_strfreev(texts);
    refuse(r, line, error, "%s: %s", key, cause->message);
    return NULL;
  }
  for (guint i = 0; texts[i] != NULL; i++)
    g_strstrip(texts[i]);
  if (texts[0] != NULL)
    return texts;
  g_strfreev(texts);
  refuse(r, line, error, "%s: found nothing, expected a value", key);
  return NULL;
}

static gboolean
check_texts(const Reader *r, const StudyOption *option, GError **error)
{
  for (guint i = 0; option->texts[i] != NULL; i++) {
    if (*option->texts[i] == '\0')
      return refuse(r, option->line, error, "%s: found nothing%s, expected a value", option->name,
                    option->texts[1] != NULL ? " between two commas" : "");
    if (g_strv_contains((const char *const *)option->texts + i + 1, option->texts[i]))
      return refuse(r, option->line, error, "%s: found %s twice, expected each value once",
                    option->name, option->texts[i]);
    if (!check_value(r, option, option->values[i], error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_option(Reader *r, const char *group, const char *key, GPtrArray *into, GError **error)
{
  StudyOption *option = g_new0(StudyOption, 1);

  g_ptr_array_add(into, option);
  option->name = g_strdelimit(g_strdup(key), "_", '-');
  option->line = line_of(r, group, key);
  if (!check_option(r, option->name, g_str_equal(group, "grid"), option->line, error) ||
      (option->texts = read_texts(r, group, key, option->line, error)) == NULL)
    return FALSE;
  option->values = g_new0(char *, g_strv_length(option->texts) + 1);
  for (guint i = 0; option->texts[i] != NULL; i++)
    option->values[i] = study_value(r->folder, option->name, option->texts[i]);
  return check_texts(r, option, error);
}

static const StudyOption *
find_option(const GPtrArray *options, const char *name)
{
  for (guint i = 0; i < options->len; i++) {
    const StudyOption *option = g_ptr_array_index(options, i);
    if (g_str_equal(option->name, name))
      return option;
  }
  return NULL;
}

static gboolean
read_options(Reader *r, const char *group, GPtrArray *into, GError **error)
{
  g_auto(GStrv) keys = g_key_file_get_keys(r->file, group, NULL, NULL);

  for (guint i = 0; keys != NULL && keys[i] != NULL; i++) {
    const StudyOption *option, *other;
    if (!read_option(r, group, keys[i], into, error))
      return FALSE;
    option = g_ptr_array_index(into, into->len - 1);
    other = into == r->study->grid ? find_option(r->study->run, option->name) : NULL;
    if (other != NULL)
      return refuse(r, option->line, error,
                    "found %s in the grid and, in line %u, in [run]; expected it once",
                    option->name, other->line);
    for (guint j = 0; j + 1 < into->len; j++)
      if (g_str_equal(((StudyOption *)g_ptr_array_index(into, j))->name, option->name))
        return refuse(r, option->line, error, "found %s a second time; expected it once",
                      option->name);
  }
  return TRUE;
}

static gboolean
read_seeds(Reader *r, GError **error)
{
  guint line = line_of(r, "study", "seeds");
  g_auto(GStrv) texts = NULL;
  guint64 seed = 1;

  if (line == 0) {
    g_array_append_val(r->study->seeds, seed);
    return TRUE;
  }
  texts = read_texts(r, "study", "seeds", line, error);
  for (guint i = 0; texts != NULL && texts[i] != NULL; i++) {
    g_autoptr(GError) cause = NULL;
    if (!typed_uint(texts[i], "seeds", 0, (guint64)9e15, &seed, &cause))
      return refuse(r, line, error, "%s", cause->message);
    for (guint j = 0; j < r->study->seeds->len; j++)
      if (g_array_index(r->study->seeds, guint64, j) == seed)
        return refuse(r, line, error,
                      "seeds: found %" G_GUINT64_FORMAT " twice, expected each once", seed);
    g_array_append_val(r->study->seeds, seed);
  }
  return texts != NULL;
}

/* "studies/memory.ini" is called memory. */
static char *
name_from_path(const char *path)
{
  g_autofree char *base = g_path_get_basename(path);
  char *dot = strrchr(base, '.');

  if (dot != NULL && dot != base)
    *dot = '\0';
  return g_utf8_make_valid(base, -1);
}

/* A key that [study] does not have: of an option of a run the message says where it belongs. */
static gboolean
refuse_key(const Reader *r, guint line, const char *key, GError **error)
{
  g_autofree const char **names = settings_names();
  g_autofree char *option = g_strdelimit(g_strdup(key), "_", '-');

  if (g_strv_contains((const char *const *)names, option))
    return refuse(
        r, line, error,
        "found %s in [study], expected name or seeds: an option goes below [run], or with "
        "several values below [grid]",
        key);
  return refuse_name(r, line, "the key", key, study_keys, error);
}

static gboolean
read_head(Reader *r, GError **error)
{
  g_auto(GStrv) keys = g_key_file_get_keys(r->file, "study", NULL, NULL);
  g_autoptr(GError) cause = NULL;
  guint line = line_of(r, "study", "name");

  for (guint i = 0; keys != NULL && keys[i] != NULL; i++)
    if (!g_strv_contains(study_keys, keys[i]))
      return refuse_key(r, line_of(r, "study", keys[i]), keys[i], error);
  r->study->name = line > 0 ? g_key_file_get_string(r->file, "study", "name", &cause)
                            : name_from_path(r->study->path);
  if (cause != NULL)
    return refuse(r, line, error, "name: %s", cause->message);
  g_strstrip(r->study->name);
  if (*r->study->name == '\0')
    return refuse(r, line, error, "name: found nothing, expected a name for the study");
  return read_seeds(r, error);
}

static gboolean
check_size(const Reader *r, GError **error)
{
  guint64 cells = r->study->seeds->len;

  for (guint i = 0; i < r->study->grid->len; i++) {
    cells *= g_strv_length(((StudyOption *)g_ptr_array_index(r->study->grid, i))->texts);
    if (cells > MAX_CELLS)
      return refuse(r, 0, error, "the grid has more than %u cells; expected fewer", MAX_CELLS);
  }
  return TRUE;
}

static gboolean
read_all(Reader *r, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) cause = NULL;
  gsize n_bytes;

  if (g_file_test(r->study->path, G_FILE_TEST_IS_DIR))
    return refuse(r, 0, error, "found a folder, expected a study file");
  text = input_read(r->study->path, INPUT_PLAIN, INPUT_TEXT_MAX_BYTES, &n_bytes, &cause);
  if (text == NULL) {
    if (!g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
      return refuse(r, 0, error, "cannot be read: %s", cause->message);
    return refuse(r, 0, error, "there is no such file; 'spillway sweep --help' shows a study file");
  }
  if (strlen(text) != n_bytes || !g_utf8_validate(text, (gssize)n_bytes, NULL))
    return refuse(r, 0, error, "found bytes that are no UTF-8 text, expected a study file");
  if (!scan_lines(r, text, error))
    return FALSE;
  if (!g_key_file_load_from_data(r->file, text, n_bytes, G_KEY_FILE_NONE, &cause))
    return refuse(r, 0, error, "%s; expected a study file", cause->message);
  return read_head(r, error) && read_options(r, "run", r->study->run, error) &&
         read_options(r, "grid", r->study->grid, error) && check_size(r, error);
}

Study *
study_read(const char *path, GError **error)
{
  g_autoptr(Study) study = g_new0(Study, 1);
  Reader r = {.study = study,
              .file = g_key_file_new(),
              .lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
              .folder = g_path_get_dirname(path)};
  gboolean worked;

  study->path = g_strdup(path);
  study->seeds = g_array_new(FALSE, FALSE, sizeof(guint64));
  study->run = g_ptr_array_new_with_free_func(study_option_free);
  study->grid = g_ptr_array_new_with_free_func(study_option_free);
  g_key_file_set_list_separator(r.file, ',');
  worked = read_all(&r, error);
  g_key_file_unref(r.file);
  g_hash_table_unref(r.lines);
  g_free(r.folder);
  return worked ? g_steal_pointer(&study) : NULL;
}
