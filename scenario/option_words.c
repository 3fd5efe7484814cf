#include "option_words.h"

#include "typed.h"
#include "scenario/flags/server_flags.h"

#include <string.h>

/* The entry whose long name is the first `length` bytes of `name`; NULL: none. */
static const GOptionEntry *
find_entry(const GOptionEntry *entries, const char *name, gsize length)
{
  for (; entries->long_name != NULL; entries++)
    if (strlen(entries->long_name) == length && memcmp(entries->long_name, name, length) == 0)
      return entries;
  return NULL;
}

static gboolean
takes_value(const GOptionEntry *entry)
{
  return entry->arg != G_OPTION_ARG_NONE && !(entry->flags & G_OPTION_FLAG_NO_ARG);
}

/* The last word of this option: the next one if the option takes a value, whatever that looks like;
 * otherwise this one. */
static char *const *
last_of(char *const *word, const GOptionEntry *entries)
{
  gboolean is_long = g_str_has_prefix(*word, "--");
  const GOptionEntry *entry = NULL;

  if (is_long)
    entry = find_entry(entries, *word + 2, strlen(*word + 2));
  else if ((*word)[0] == '-' && (*word)[1] != '\0' && (*word)[2] == '\0')
    for (const GOptionEntry *e = entries; e->long_name != NULL && entry == NULL; e++)
      entry = e->short_name == (*word)[1] ? e : NULL;
  return entry != NULL && takes_value(entry) && word[1] != NULL ? word + 1 : word;
}

static const char *
nearest_option(const char *option, const GOptionEntry *entries)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();

  for (; entries->long_name != NULL; entries++)
    g_ptr_array_add(names, (gpointer)entries->long_name);
  g_ptr_array_add(names, (gpointer) "help");
  g_ptr_array_add(names, NULL);
  return typed_nearest(option, (const char *const *)names->pdata);
}

/* Names of options in other programs. */
static const struct {
  const char *other, *option, *value;
} other_words[] = {
    {"policy", "overflow", ""},
    {"policies", "overflow", ""},
    {"preemption", "overflow", ""},
    {"preemption-policy", "overflow", ""},
    {"engine", "scheduler", ""},
    {"backend", "scheduler", ""},
    {"model-path", "model", ""},
    {"gpu", "device", ""},
    {"hardware", "device", ""},
    {"gpus", "tensor-parallel-size", ""},
    {"num-gpus", "tensor-parallel-size", ""},
    {"rps", "request-rate", ""},
    {"qps", "request-rate", ""},
    {"users", "max-concurrency", ""},
    {"dataset", "trace", ""},
    {"dataset-path", "trace", ""},
    {"input", "trace", ""},
    {"workload", "trace", ""},
    {"input-len", "random-input-len", ""},
    {"output-len", "random-output-len", ""},
    {"input-len", "prompt", ""},
    {"output-len", "output", ""},
    {"num-requests", "num-prompts", ""},
    {"num-requests", "requests", ""},
    {"batch-size", "max-num-seqs", ""},
    {"max-batch-size", "max-num-seqs", ""},
    {"blocks", "num-gpu-blocks", ""},
    {"memory", "kv-memory", ""},
    {"pool-size", "kv-memory", ""},
    {"cpu-offload", "kv-offloading-size", ""},
    {"from", "trace-format", ""},
    {"columns", "trace-format", " 'columns:…'"},
    {"json", "format", " json"},
    {"csv", "format", " csv"},
    {"threads", "jobs", ""},
    {"workers", "jobs", ""},
    {"num-workers", "jobs", ""},
};

/* The option that an unknown one may mean: by other_words ("format json" of json), or the only one
 * with its words ("max-concurrency" of concurrency). NULL: none. The caller frees it. */
static char *
known_by_another_word(const char *option, const GOptionEntry *entries)
{
  const char *found = NULL;
  guint n = 0;

  for (guint i = 0; i < G_N_ELEMENTS(other_words); i++)
    if (g_ascii_strcasecmp(other_words[i].other, option) == 0 &&
        find_entry(entries, other_words[i].option, strlen(other_words[i].option)) != NULL)
      return g_strconcat(other_words[i].option, other_words[i].value, NULL);
  for (; entries->long_name != NULL && strlen(option) > 2; entries++)
    if (typed_has_words(entries->long_name, option) &&
        !g_str_has_prefix(entries->long_name, "no-")) {
      found = entries->long_name;
      n++;
    }
  return n == 1 ? g_strdup(found) : NULL;
}

/* Refuses a value of an option that takes none: GOption drops it, so --enable-x=false would turn x
 * on. */
static gboolean
check_switches(char *const *words, const GOptionEntry *entries, GError **error)
{
  for (char *const *word = words + 1; *word != NULL && !g_str_equal(*word, "--"); word++) {
    const char *equals = g_str_has_prefix(*word, "--") ? strchr(*word, '=') : NULL;
    const char *name = *word + 2;
    const GOptionEntry *entry;

    if (equals == NULL) {
      word = last_of(word, entries);
      continue;
    }
    entry = find_entry(entries, name, (gsize)(equals - name));
    if (entry != NULL && !takes_value(entry)) {
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "--%s: found '%s', expected no value", entry->long_name, equals + 1);
      return FALSE;
    }
  }
  return TRUE;
}

/* Refuses "-j1", which GOption does not take: the value is a word of its own. */
static gboolean
check_attached(char *const *words, const GOptionEntry *entries, GError **error)
{
  for (char *const *word = words + 1; *word != NULL && !g_str_equal(*word, "--");
       word = last_of(word, entries) + 1)
    for (const GOptionEntry *e = entries; e->long_name != NULL; e++)
      if ((*word)[0] == '-' && e->short_name != 0 && (*word)[1] == e->short_name &&
          (*word)[2] != '\0' && takes_value(e)) {
        g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                    "found %s, expected -%c %s, with a space between them", *word, e->short_name,
                    *word + 2);
        return FALSE;
      }
  return TRUE;
}

static void
set_unknown(GError **error, char *word, const GOptionEntry *entries)
{
  g_autofree char *advice = NULL, *other = NULL;
  const char *near;

  word[strcspn(word, "=")] = '\0';
  if (g_str_equal(word, "--help") || g_str_equal(word, "-h")) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                "found %s, which only a verb has, such as 'spillway trace gen --help'", word);
    return;
  }
  other = g_str_has_prefix(word, "--") ? known_by_another_word(word + 2, entries) : NULL;
  if (g_file_test(word, G_FILE_TEST_EXISTS)) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                "unknown option %s; the file of that name is ./%s", word, word);
    return;
  }
  near = g_str_has_prefix(word, "--") ? nearest_option(word + 2, entries) : NULL;
  advice = g_str_has_prefix(word, "--") ? server_flag_advice(word + 2) : NULL;
  if (advice != NULL)
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "no option %s: %s", word,
                advice);
  else if (other != NULL || near != NULL)
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                "unknown option %s; did you mean --%s?", word, other != NULL ? other : near);
  else
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION,
                "unknown option %s; --help lists all of them", word);
}

static void
set_missing(GError **error, const char *word, const GOptionEntry *entries)
{
  const char *expected = "a value";

  for (; entries->long_name != NULL; entries++)
    if (g_str_has_prefix(word, "--") ? g_str_equal(entries->long_name, word + 2)
                                     : entries->short_name == word[1])
      expected = entries->arg_description;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s: found nothing, expected %s",
              word, expected);
}

/* GOption's message in our words; in its own the option is behind the last " -". */
static void
propagate(GError **error, GError *cause, const GOptionEntry *entries)
{
  const char *dash = strstr(cause->message, " -");
  g_autofree char *word = dash != NULL ? g_strdup(dash + 1) : NULL;

  if (word != NULL && g_error_matches(cause, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION))
    set_unknown(error, word, entries);
  else if (word != NULL && g_str_has_prefix(cause->message, "Missing argument for -"))
    set_missing(error, word, entries);
  else
    g_set_error_literal(error, cause->domain, cause->code, cause->message);
  g_error_free(cause);
}

gboolean
option_words_parse(GOptionContext *context, const GOptionEntry *entries, char ***words,
                   GError **error)
{
  GError *cause = NULL;

  g_option_context_set_help_enabled(context, FALSE);
  if (!check_switches(*words, entries, error) || !check_attached(*words, entries, error))
    return FALSE;
  if (g_option_context_parse_strv(context, words, &cause))
    return TRUE;
  propagate(error, cause, entries);
  return FALSE;
}

/* Underscores in names become dashes, as in vLLM: --max_num_seqs is --max-num-seqs. */
static void
dash_underscores(char **words, const GOptionEntry *entries)
{
  for (char **word = words + 1; *word != NULL && !g_str_equal(*word, "--");
       word = (char **)last_of(word, entries) + 1)
    if (g_str_has_prefix(*word, "--"))
      for (char *c = *word; *c != '\0' && *c != '='; c++)
        if (*c == '_')
          *c = '-';
}

gboolean
option_arguments_parse(GOptionContext *context, const GOptionEntry *entries, int *argc,
                       char ***argv, GError **error)
{
  GError *cause = NULL;

  dash_underscores(*argv, entries);
  if (!check_switches(*argv, entries, error) || !check_attached(*argv, entries, error))
    return FALSE;
  if (!g_option_context_parse(context, argc, argv, &cause)) {
    propagate(error, cause, entries);
    return FALSE;
  }
  if (*argc > 1 && (*argv)[1][0] == '-' && (*argv)[1][1] != '\0') { /* "--" was before it */
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "unexpected argument '%s'",
                (*argv)[1]);
    return FALSE;
  }
  return TRUE;
}
