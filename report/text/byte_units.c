#include "byte_units.h"

#include <glib.h>

double
byte_unit(const char *name)
{
  static const struct {
    const char *name;
    double bytes;
  } units[] = {{"B", 1},         {"KB", 1e3},          {"MB", 1e6},
               {"GB", 1e9},      {"TB", 1e12},         {"KiB", 1024.},
               {"MiB", 1048576}, {"GiB", 1073741824.}, {"TiB", 1099511627776.}};

  for (guint i = 0; i < G_N_ELEMENTS(units); i++)
    if (g_ascii_strcasecmp(name, units[i].name) == 0)
      return units[i].bytes;
  return 0;
}
