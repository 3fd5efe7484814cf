#include "perfetto_window.h"

#include <string.h>

#include "scenario/typed.h"
#include "sim/units.h"

#define WHAT "--perfetto-window"

static gboolean
parse_end(const char *text, gint64 *time_ps, GError **error)
{
  double seconds;

  if (*text == '\0')
    return TRUE;
  if (!typed_real(text, WHAT, 0, ps_to_s(TIME_MAX_PS), &seconds, error))
    return FALSE;
  *time_ps = (gint64)(seconds * (double)PS_PER_S);
  return TRUE;
}

gboolean
perfetto_window_parse(const Settings *settings, PerfettoWindow *window, GError **error)
{
  const char *text = settings->perfetto_window;
  g_auto(GStrv) ends = text != NULL ? g_strsplit(text, ":", 2) : NULL;

  *window = (PerfettoWindow){.from_ps = 0, .to_ps = G_MAXINT64};
  if (text == NULL)
    return TRUE;
  if (settings->perfetto == NULL) {
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        WHAT ": says what of a trace to write; name its file with --perfetto");
    return FALSE;
  }
  if (ends[0] == NULL || ends[1] == NULL) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                WHAT ": found '%s', expected A:B in seconds, such as 60:90, 60: or :90", text);
    return FALSE;
  }
  if (!parse_end(ends[0], &window->from_ps, error) || !parse_end(ends[1], &window->to_ps, error))
    return FALSE;
  if (window->from_ps < window->to_ps)
    return TRUE;
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              WHAT ": found '%s', expected an end that is later than its beginning", text);
  return FALSE;
}
