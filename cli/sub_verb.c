#include "sub_verb.h"

#include <stdio.h>

static void
print_help(const VerbFamily *family)
{
  g_autoptr(GString) kinds = g_string_new(NULL);

  for (const Command *kind = family->kinds; kind->name != NULL; kind++)
    g_string_append_printf(kinds, "%s%s", kinds->len > 0 ? "|" : "", kind->name);
  printf("Usage:\n  spillway %s %s [OPTION…]\n\n%s\n\nKinds:\n", family->verb, kinds->str,
         family->summary);
  for (const Command *kind = family->kinds; kind->name != NULL; kind++)
    printf("  %-9s %s\n", kind->name, kind->summary);
  printf("\nHelp:\n  -h, --help   this text; 'spillway %s KIND --help' says more\n\nExamples:\n%s",
         family->verb, family->examples);
}

static int
refuse(const VerbFamily *family, const char *word)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  g_autofree char *hint = NULL;

  for (const Command *kind = family->kinds; kind->name != NULL; kind++)
    g_ptr_array_add(names, (gpointer)kind->name);
  g_ptr_array_add(names, NULL);
  hint = typed_hint(word, (const char *const *)names->pdata);
  return cli_error(CLI_USAGE, family->verb, "found '%s', expected %s%s", word, family->expected,
                   hint);
}

int
verb_family_run(const VerbFamily *family, int argc, char **argv)
{
  if (argc < 2)
    return cli_error(CLI_USAGE, family->verb, "expected %s; 'spillway %s --help' says more",
                     family->expected, family->verb);
  if (g_str_equal(argv[1], "--help") || g_str_equal(argv[1], "-h")) {
    print_help(family);
    return CLI_DONE;
  }
  for (const Command *kind = family->kinds; kind->name != NULL; kind++)
    if (g_str_equal(argv[1], kind->name))
      return kind->run(argc - 1, argv + 1);
  return refuse(family, argv[1]);
}
