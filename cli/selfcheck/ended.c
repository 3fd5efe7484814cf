/* The message for a signal that ends the self-check. It is made before each kernel runs, since a
 * signal handler may do no more than write it; it is complete whenever its length is not 0.
 */
#include "config.h"

#include "result.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static char text[256];
static volatile sig_atomic_t length;

static void
on_end(int signal_number)
{
  if (length > 0 && write(STDERR_FILENO, text, (size_t)length) < 0)
    length = 0;
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void
selfcheck_tell_when_ended(void)
{
  length = 0;
  signal(SIGTERM, on_end);
  signal(SIGINT, on_end);
}

void
selfcheck_under_way(const Selfcheck *s, const char *kernel, gint64 number)
{
  length = 0;
  if (kernel == NULL)
    return;
  if (number < 0)
    g_snprintf(text, sizeof text, "ENDED: %s timings: by a signal\n", kernel);
  else
    g_snprintf(text, sizeof text,
               "ENDED: %s case %u: by a signal\n"
               "  again: spillway selfcheck --only %s --case %u --seed %u\n",
               kernel, (guint)number, kernel, (guint)number, s->seed);
  length = (sig_atomic_t)strlen(text);
}
