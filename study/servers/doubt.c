/* Whether a result's figures can all be of one run. */
#include "point.h"

#include <math.h>

#define MIN_TO_JUDGE 20   /* requests: of fewer the end is too much */
#define MAX_UNDER_WAY 1.2 /* of what may be under way: the client's own time is in it */
#define MIN_UNDER_WAY 0.2

void
server_point_doubt(ServerPoint *point, const char *format, ...)
{
  g_autofree char *text = NULL, *before = g_steal_pointer(&point->doubt);
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  point->doubt = before == NULL ? g_steal_pointer(&text) : g_strjoin("; ", before, text, NULL);
}

/* Little's law: requests under way in the mean are the requests by the time it all took, times what
 * one took. A client that always has as many under way as it may (or has sent all at once) falls
 * below that only while it ends. */
static void
check_under_way(ServerPoint *point, const ServerLoad *load)
{
  const double outputs = load->output_tokens / load->completed;
  const double each_ms = point->published_ttft_ms + point->published_tpot_ms * fmax(outputs - 1, 0);
  const double under_way = load->completed * each_ms / 1000 / load->duration_s;
  const double most =
      point->concurrency > 0 ? fmin(point->concurrency, load->completed) : load->completed;

  if (!isfinite(under_way) || load->completed < MIN_TO_JUDGE)
    return;
  if (under_way > MAX_UNDER_WAY * most || (load->is_full && under_way < MIN_UNDER_WAY * most))
    server_point_doubt(point,
                       "a request took %.4g ms in the mean, and all %.0f of them %.6g s: that is "
                       "%.3g under way, of %.0f; are its times in ms and s?",
                       each_ms, load->completed, load->duration_s, under_way, most);
}

void
server_point_check(ServerPoint *point, const ServerLoad *load)
{
  check_under_way(point, load);
  if (load->sent > load->completed)
    server_point_doubt(point,
                       "%.0f of %.0f requests failed: the server had another load than that of "
                       "the %.0f that are run",
                       load->sent - load->completed, load->sent, load->completed);
}
