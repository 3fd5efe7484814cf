/* A device without measurements, as `profile show` tells it: the figures of its roofline, and where
 * each is from. */
#include "profile.h"

#include <stdio.h>
#include <string.h>

#include "calib/devices/device.h"
#include "cli/cli.h"
#include "report/text/table.h"
#include "scenario/resolve.h"

/* "GROUP KEY=VALUE: SOURCE", cut in place. */
typedef struct {
  char *group, *key, *value, *source;
} Figure;

static gboolean
cut(char *line, Figure *figure)
{
  char *space = strchr(line, ' '), *equals = strchr(line, '='), *colon = strstr(line, ": ");

  if (space == NULL || equals == NULL || colon == NULL)
    return FALSE;
  *space = *equals = *colon = '\0';
  *figure = (Figure){line, space + 1, equals + 1, colon + 2};
  return TRUE;
}

static json_t *
device_json(const Device *device, char **lines)
{
  json_t *figures = json_array();
  Figure f;

  for (; *lines != NULL; lines++)
    if (cut(*lines, &f))
      json_array_append_new(figures, json_pack("{s:s, s:s, s:s, s:s}", "group", f.group, "key",
                                               f.key, "value", f.value, "source", f.source));
  return json_pack("{s:s, s:s, s:i, s:o}", "device", device->name, "title", device->title,
                   "samples", 0, "figures", figures);
}

static void
print_device(const Device *device, char **lines)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_autoptr(Table) table = table_new("llrl");
  Figure f;

  for (; *lines != NULL; lines++)
    if (cut(*lines, &f)) {
      table_add(table, f.group);
      table_add(table, f.key);
      table_add(table, f.value);
      table_add(table, f.source);
    }
  g_string_append_printf(text,
                         "%s (%s): a device without measurements; these figures make its "
                         "roofline.\n\n",
                         device->name, device->title);
  table_append(table, "  ", text);
  g_string_append(text,
                  "\n'spillway profile import PATH… -o FILE.db' makes a profile of tables that "
                  "were measured.\n");
  cli_print(text->str);
}

int
profile_show_device(const char *verb, const char *text, OutputFormat format)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Device) device = resolve_device(text, &error);
  g_auto(GStrv) lines = NULL, doubts = NULL;

  if (device == NULL)
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  lines = device_sources(device);
  doubts = resolve_device_doubts(text, device);
  for (char **doubtful = doubts; *doubtful != NULL; doubtful++)
    cli_note(verb, "%s: %s", text, *doubtful);
  if (format == OUTPUT_JSON)
    return profile_print_json(verb, device_json(device, lines));
  print_device(device, lines);
  return CLI_DONE;
}
