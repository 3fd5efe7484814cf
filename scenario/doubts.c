/* Who is told of what a scenario doubts and assumes: the reader of a comparison's notes, or, of one
 * cell among many, the shelf, whose notes a verb tells once. */
#include "message.h"
#include "resolver.h"

static gboolean
is_in(const GPtrArray *scenarios, const char *doubt)
{
  for (guint i = 0; i < scenarios->len; i++) {
    const Scenario *one = g_ptr_array_index(scenarios, i);
    if (g_ptr_array_find_with_equal_func(one->doubts, doubt, g_str_equal, NULL))
      return TRUE;
  }
  return FALSE;
}

void
scenario_tell_doubts(const Scenario *scenario, const GPtrArray *told, const char *verb)
{
  for (guint i = 0; i < scenario->doubts->len; i++)
    if (!is_in(told, g_ptr_array_index(scenario->doubts, i)))
      cli_note(verb, "%s", (const char *)g_ptr_array_index(scenario->doubts, i));
}

void
resolver_leave_notes(const Resolver *r, const Scenario *scenario)
{
  const json_t *sentence;
  gsize i;

  for (guint d = 0; d < scenario->doubts->len; d++)
    shelf_note(r->shelf, "", g_ptr_array_index(scenario->doubts, d));
  json_array_foreach(json_object_get(scenario->settings, "assumed"), i, sentence)
      shelf_note(r->shelf, "assumed: ", json_string_value(sentence));
}
