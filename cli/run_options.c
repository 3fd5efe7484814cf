/* A verb's command line, made from the table of a run's options and from those of the policies. */
#include "run_options.h"

#include "cli.h"
#include "scenario/settings_option.h"
#include "scenario/server_args.h"

static const struct {
  const char *name, *title;
} groups[GROUPS] = {
    {"what", "What is replayed, on what:"},
    {"client", "What the client sends, as vllm bench serve has it:"},
    {"engine", "The engine:"},
    {"sglang", "The engine, under the names of SGLang (--scheduler sglang):"},
    {"policy", "Of single policies:"},
    {"cost", "Costs and execution:"},
    {"live", "What is computed (--executor cpu, gpu):"},
    {"output", "Output:"},
};

/* GOption's callback: `name` has its dashes. */
static gboolean
parse_option(const char *name, const char *value, gpointer data, GError **error)
{
  while (*name == '-')
    name++;
  return settings_set(data, name, value, error);
}

/* "who is preempted: newest (default), oldest; 'spillway list victims'" */
static const char *
help_with_policies(const SettingsOption *option, GStringChunk *texts)
{
  g_autoptr(GString) help = g_string_new(option->help);
  const Policy *policy;

  for (guint i = 0; (policy = option->policies->entry(i)) != NULL; i++)
    g_string_append_printf(help, "%s%s%s", i == 0 ? ": " : ", ", policy->name,
                           i == 0 ? " (default)" : "");
  g_string_append_printf(help, "; 'spillway list %s'", option->policies->plural);
  return g_string_chunk_insert(texts, help->str);
}

/* The entry borrows its help from `texts`. */
static GOptionEntry
option_entry(const SettingsOption *option, GStringChunk *texts)
{
  GOptionFlags flags = settings_option_is_switch(option) ? G_OPTION_FLAG_NO_ARG
                       : option->kind == KIND_FILE       ? G_OPTION_FLAG_FILENAME
                                                         : G_OPTION_FLAG_NONE;

  return (GOptionEntry){
      .long_name = option->name,
      .short_name = option->letter,
      .flags = (int)flags,
      .arg = G_OPTION_ARG_CALLBACK,
      .arg_data = (gpointer)parse_option,
      .description = option->policies != NULL ? help_with_policies(option, texts) : option->help,
      .arg_description = option->argument,
  };
}

static GOptionEntry
policy_entry(const PolicyOptionPlace *place, GStringChunk *texts)
{
  g_autofree char *help =
      g_strdup_printf("%s %s: %s (default %.15g)", place->kind->option, place->policy->name,
                      place->option->help, place->option->fallback);

  return (GOptionEntry){
      .long_name = place->option->name,
      .arg = G_OPTION_ARG_CALLBACK,
      .arg_data = (gpointer)parse_option,
      .description = g_string_chunk_insert(texts, help),
      .arg_description = place->option->argument,
  };
}

/* The entries of a group's options that the verb has. */
static GArray *
group_entries(Group group, const char *verb, GStringChunk *texts)
{
  GArray *entries = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
  PolicyOptionPlace place;

  for (guint i = 0; i < settings_n_options; i++)
    if (settings_options[i].group == group &&
        (settings_options[i].only == NULL || g_str_equal(settings_options[i].only, verb)) &&
        g_strcmp0(settings_options[i].except, verb) != 0) {
      GOptionEntry entry = option_entry(&settings_options[i], texts);
      g_array_append_val(entries, entry);
    }
  for (guint n = 0; group == GROUP_POLICY && policy_option_at(n, &place); n++) {
    GOptionEntry entry = policy_entry(&place, texts);
    g_array_append_val(entries, entry);
  }
  return entries;
}

gboolean
settings_parse_beside(Settings *settings, const VerbOptions *verb, int *argc, char ***argv,
                      int *status)
{
  g_autoptr(GStringChunk) texts = g_string_chunk_new(4096);
  g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func((GDestroyNotify)g_array_unref);
  const guint n_groups = (verb->own != NULL ? GROUP_COST : GROUP_OUTPUT) + 1;
  VerbGroup parts[G_N_ELEMENTS(groups)];
  g_autoptr(GError) error = NULL;

  for (guint g = 0; g < n_groups; g++) {
    GArray *of_group = group_entries((Group)g, verb->name, texts);
    g_ptr_array_add(entries, of_group);
    parts[g] = (VerbGroup){.name = groups[g].name,
                           .title = groups[g].title,
                           .entries = (const GOptionEntry *)(gpointer)of_group->data,
                           .data = settings};
  }
  if (!verb_parse_groups(verb, parts, n_groups, argc, argv, status))
    return FALSE;
  if (server_args_apply(settings, &error))
    return TRUE;
  *status = cli_error(CLI_USAGE, verb->name, "%s", error->message);
  return FALSE;
}

int
settings_refuse_argument(const char *verb, const char *word)
{
  g_autofree const char **names = settings_names();

  if (g_strv_contains(names, word))
    return cli_error(CLI_USAGE, verb, "unexpected argument '%s'; did you mean --%s?", word, word);
  if (g_str_has_suffix(word, ".db"))
    return cli_error(CLI_USAGE, verb,
                     "unexpected argument '%s'; what a database has is shown by 'spillway report', "
                     "plot and explain",
                     word);
  return cli_error(CLI_USAGE, verb,
                   "unexpected argument '%s'; options begin with --, as --help lists them", word);
}

gboolean
settings_parse(Settings *settings, const char *verb, const char *summary, const char *examples,
               int *argc, char ***argv, int *status)
{
  const VerbOptions options = {.name = verb, .summary = summary, .examples = examples};

  if (!settings_parse_beside(settings, &options, argc, argv, status))
    return FALSE;
  if (*argc > 1) {
    *status = settings_refuse_argument(verb, (*argv)[1]);
    return FALSE;
  }
  return TRUE;
}
