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

/* GOption's own --help leaves all groups but the first to --help-all; ours shows them. TRUE if it
 * was asked for. */
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

gboolean
cli_parse(GOptionContext *context, const char *verb, const GOptionEntry *entries, int *argc,
          char ***argv, int *status)
{
  g_autoptr(GError) error = NULL;

  g_option_context_set_help_enabled(context, FALSE);
  if (print_help_if_asked(context, verb, *argc, *argv)) {
    *status = CLI_DONE;
    return FALSE;
  }
  if (option_arguments_parse(context, entries, argc, argv, &error))
    return TRUE;
  *status = cli_error(CLI_USAGE, verb, "%s", error->message);
  return FALSE;
}
