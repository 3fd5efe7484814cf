#include "terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

guint
terminal_columns(const TerminalColumns *terminal)
{
  struct winsize size;

  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return CLAMP(size.ws_col, terminal->min, terminal->max);
  return terminal->fallback;
}
