#include "choices.h"

char *
choices_to_text(const Play *play)
{
  GString *text = g_string_new(NULL);

  for (guint i = 0; i < play->evictions->len; i++) {
    const ScriptEviction *eviction = &g_array_index(play->evictions, ScriptEviction, i);
    g_string_append_printf(text, "%u", eviction->action_bits);
    for (guint32 v = 0; v < eviction->n_victims; v++)
      g_string_append_printf(text, " %u",
                             g_array_index(play->victims, guint32, eviction->first_victim + v));
    g_string_append_c(text, '\n');
  }
  return g_string_free(text, FALSE);
}

/* A whole number below the limit at the place, which moves behind it. */
static gboolean
take_number(const char **at, guint64 limit, guint32 *number)
{
  guint64 value = 0;
  const char *digit = *at;

  for (; g_ascii_isdigit(*digit) && value < limit; digit++)
    value = 10 * value + (guint64)(*digit - '0');
  if (digit == *at || value >= limit)
    return FALSE;
  *at = digit;
  *number = (guint32)value;
  return TRUE;
}

static gboolean
take_line(const char **at, Play *play, guint32 n_requests)
{
  ScriptEviction eviction = {.first_victim = play->victims->len};
  guint32 request;

  if (!take_number(at, (guint64)1 << play->space->n_actions, &eviction.action_bits))
    return FALSE;
  for (; **at == ' '; eviction.n_victims++) {
    ++*at;
    if (!take_number(at, n_requests, &request))
      return FALSE;
    g_array_append_val(play->victims, request);
  }
  g_array_append_val(play->evictions, eviction);
  return *(*at)++ == '\n';
}

gboolean
choices_from_text(Play *play, const char *text, guint32 n_requests)
{
  play->evictions = g_array_new(FALSE, FALSE, sizeof(ScriptEviction));
  play->victims = g_array_new(FALSE, FALSE, sizeof(guint32));
  while (*text != '\0')
    if (!take_line(&text, play, n_requests)) {
      g_clear_pointer(&play->evictions, g_array_unref);
      g_clear_pointer(&play->victims, g_array_unref);
      return FALSE;
    }
  return TRUE;
}
