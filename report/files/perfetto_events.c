#include "perfetto_events.h"

#include "sim/units.h"

static GString *
next(PerfettoEvents *events)
{
  GString *text = sink_text(events->sink);

  g_string_append(text, events->any ? ",\n" : "\n");
  events->any = TRUE;
  return text;
}

/* Microseconds with nanoseconds. Both ends of a slice are cut to nanoseconds before its duration is
 * taken, so that slices which abut do so in the file. */
static void
append_us(GString *text, gint64 time_ns)
{
  g_string_append_printf(text, "%" G_GINT64_FORMAT ".%03d", time_ns / 1000, (int)(time_ns % 1000));
}

void
perfetto_begin(PerfettoEvents *events)
{
  g_string_append(sink_text(events->sink), "[");
}

void
perfetto_finish(PerfettoEvents *events)
{
  g_string_append(sink_text(events->sink), "\n]\n");
}

void
perfetto_name(PerfettoEvents *events, const char *kind, guint pid, guint64 tid, const char *name)
{
  GString *text = next(events);

  g_string_append_printf(text,
                         "{\"ph\":\"M\",\"name\":\"%s\",\"pid\":%u,\"tid\":%" G_GUINT64_FORMAT
                         ",\"args\":{\"name\":%s}}",
                         kind, pid, tid, name);
  sink_flush_if_full(events->sink);
}

void
perfetto_order(PerfettoEvents *events, guint pid, guint64 tid, guint64 place)
{
  GString *text = next(events);

  g_string_append_printf(text,
                         "{\"ph\":\"M\",\"name\":\"thread_sort_index\",\"pid\":%u,"
                         "\"tid\":%" G_GUINT64_FORMAT ",\"args\":{\"sort_index\":%" G_GUINT64_FORMAT
                         "}}",
                         pid, tid, place);
}

gboolean
perfetto_overlaps(const PerfettoEvents *events, gint64 start_ps, gint64 end_ps)
{
  return start_ps < end_ps && start_ps < events->to_ps && end_ps > events->from_ps;
}

static void
append_head(GString *text, char phase, guint pid, guint64 tid, const char *name, gint64 time_ps)
{
  g_string_append_printf(
      text,
      "{\"ph\":\"%c\",\"pid\":%u,\"tid\":%" G_GUINT64_FORMAT ",\"name\":\"%s\",\"ts\":", phase, pid,
      tid, name);
  append_us(text, time_ps / PS_PER_NS);
}

static void
append_args(PerfettoEvents *events, GString *text, const char *args)
{
  if (args != NULL)
    g_string_append_printf(text, ",\"args\":{%s}}", args);
  else
    g_string_append_c(text, '}');
  sink_flush_if_full(events->sink);
}

void
perfetto_slice(PerfettoEvents *events, guint pid, guint64 tid, const char *name, gint64 start_ps,
               gint64 end_ps, const char *args)
{
  GString *text;

  if (!perfetto_overlaps(events, start_ps, end_ps))
    return;
  start_ps = MAX(start_ps, events->from_ps);
  end_ps = MIN(end_ps, events->to_ps);
  text = next(events);
  append_head(text, 'X', pid, tid, name, start_ps);
  g_string_append(text, ",\"dur\":");
  append_us(text, end_ps / PS_PER_NS - start_ps / PS_PER_NS);
  append_args(events, text, args);
}

void
perfetto_instant(PerfettoEvents *events, guint pid, guint64 tid, const char *name, gint64 time_ps,
                 const char *args)
{
  GString *text;

  if (time_ps < events->from_ps || time_ps > events->to_ps)
    return;
  text = next(events);
  append_head(text, 'i', pid, tid, name, time_ps);
  g_string_append(text, ",\"s\":\"t\"");
  append_args(events, text, args);
}

void
perfetto_counter(PerfettoEvents *events, const char *name, gint64 time_ps, const char *args)
{
  GString *text;

  if (time_ps > events->to_ps)
    return;
  text = next(events);
  append_head(text, 'C', TRACK_ENGINE, 0, name, MAX(time_ps, events->from_ps));
  append_args(events, text, args);
}
