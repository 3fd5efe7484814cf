/* What every verb does with its options: --help, and messages for what is wrong. */
#include "cli.h"
#include "scenario/option_words.h"

#include <stdio.h>
#include <string.h>

/* --help is acted on before the options are parsed. */
static gboolean
never_called(const char *name G_GNUC_UNUSED, const char *value G_GNUC_UNUSED,
             gpointer data G_GNUC_UNUSED, GError **error G_GNUC_UNUSED)
{
  return TRUE;
}

/* GOption's own --help shows the first group only and leaves the others to --help-all; this one
 * shows all. TRUE if help was asked for. */
static gboolean
print_help_if_asked(GOptionContext *context, const char *verb, int argc, char **argv)
{
  static const GOptionEntry help_entry[] = {
      {"help", 'h', G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, (gpointer)never_called,
       "this text", NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  GOptionGroup *group = g_option_group_new("help", "Help:", "Help", NULL, NULL);

  g_option_group_add_entries(group, help_entry);
  g_option_context_add_group(context, group);
  for (int i = 1; i < argc && !g_str_equal(argv[i], "--"); i++)
    if (g_str_equal(argv[i], "--help") || g_str_equal(argv[i], "-h")) {
      g_autofree char *name = g_strconcat("spillway ", verb, NULL);
      g_autofree char *help = NULL;
      g_set_prgname(name);
      help = g_option_context_get_help(context, FALSE, NULL);
      fputs(help, stdout);
      return TRUE;
    }
  return FALSE;
}

static guint
count(const GOptionEntry *entries)
{
  guint n = 0;

  while (entries != NULL && entries[n].long_name != NULL)
    n++;
  return n;
}

static void
add_group(GOptionContext *context, const VerbGroup *part)
{
  GOptionGroup *group = g_option_group_new(part->name, part->title, part->title, part->data, NULL);

  g_option_group_add_entries(group, part->entries);
  g_option_context_add_group(context, group);
}

gboolean
verb_parse_groups(const VerbOptions *verb, const VerbGroup *groups, guint n_groups, int *argc,
                  char ***argv, int *status)
{
  g_autoptr(GOptionContext) context = g_option_context_new(verb->arguments);
  g_autoptr(GArray) all = g_array_new(TRUE, TRUE, sizeof(GOptionEntry));
  g_autoptr(GError) error = NULL;

  g_option_context_set_summary(context, verb->summary);
  g_option_context_set_description(context, verb->examples);
  if (verb->own != NULL)
    g_option_context_add_main_entries(context, verb->own, NULL);
  g_array_append_vals(all, verb->own, count(verb->own));
  for (guint i = 0; i < n_groups; i++) {
    add_group(context, &groups[i]);
    g_array_append_vals(all, groups[i].entries, count(groups[i].entries));
  }
  g_option_context_set_help_enabled(context, FALSE);
  if (print_help_if_asked(context, verb->name, *argc, *argv)) {
    *status = CLI_DONE;
    return FALSE;
  }
  if (option_arguments_parse(context, (const GOptionEntry *)(gpointer)all->data, argc, argv,
                             &error))
    return TRUE;
  if (error->domain == G_CONVERT_ERROR)
    *status = cli_error(CLI_USAGE, verb->name,
                        "a value was typed that is not in UTF-8, expected text in UTF-8");
  else
    *status = cli_error(CLI_USAGE, verb->name, "%s", error->message);
  return FALSE;
}

gboolean
verb_parse(const VerbOptions *verb, int *argc, char ***argv, int *status)
{
  return verb_parse_groups(verb, NULL, 0, argc, argv, status);
}
