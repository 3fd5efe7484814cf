#include "gpu.h"

#include <errno.h>
#include <unistd.h>

#include "cli.h"

#define PROGRAM "spillway-gpu"

/* The one beside this program, or else one on the PATH. NULL if there is neither. The caller frees.
 */
static char *
find_program(void)
{
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
  g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;
  g_autofree char *beside = folder != NULL ? g_build_filename(folder, PROGRAM, NULL) : NULL;

  if (beside != NULL && g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer(&beside);
  return g_find_program_in_path(PROGRAM);
}

/* What goes without a GPU, if anything. */
static const char *
meanwhile(const char *verb)
{
  if (g_str_equal(verb, "calibrate"))
    return "; until it is there, 'spillway profile import' makes profiles of published tables";
  if (g_str_equal(verb, "selfcheck"))
    return "";
  return "; until it is there, --executor cpu computes small models without one";
}

int
gpu_run(char **argv)
{
  g_autofree char *program = find_program();
  g_autoptr(GPtrArray) words = g_ptr_array_new();

  if (program == NULL)
    return cli_error(CLI_FAILED, argv[0],
                     "this needs a GPU and the program " PROGRAM
                     ", which is neither beside this one nor "
                     "on the PATH%s",
                     meanwhile(argv[0]));
  g_ptr_array_add(words, program);
  for (; *argv != NULL; argv++)
    g_ptr_array_add(words, *argv);
  g_ptr_array_add(words, NULL);
  execv(program, (char **)words->pdata);
  return cli_error(CLI_FAILED, words->pdata[1], "%s cannot be started: %s", program,
                   g_strerror(errno));
}
