#include "servers.h"

#include <math.h>

#include "sim/quantiles.h"

double
server_ttft_error(const ServerPoint *point)
{
  return point->predicted_ttft_ms / point->published_ttft_ms - 1;
}

double
server_tpot_error(const ServerPoint *point)
{
  return point->predicted_tpot_ms / point->published_tpot_ms - 1;
}

static gboolean
shares(const ServerGroup *group, const ServerPoint *point)
{
  return (group->card == NULL || g_str_equal(group->card, point->card)) &&
         (group->engine == NULL || g_str_equal(group->engine, point->engine)) &&
         (group->model == NULL || g_str_equal(group->model, point->model)) &&
         (group->precision == NULL || g_str_equal(group->precision, point->precision)) &&
         (group->tp == 0 || group->tp == point->tp);
}

static ServerError
error_of(const ServerGroup *group, const GPtrArray *points,
         double (*error)(const ServerPoint *point))
{
  g_autoptr(GArray) errors = g_array_new(FALSE, FALSE, sizeof(double));
  g_autoptr(GArray) sizes = g_array_new(FALSE, FALSE, sizeof(double));
  ServerError found = {NAN, NAN, NAN};
  double sum = 0;

  for (guint i = 0; i < points->len; i++) {
    const ServerPoint *point = g_ptr_array_index(points, i);
    double value = shares(group, point) ? error(point) : NAN, size = fabs(value);
    if (isnan(value))
      continue;
    g_array_append_val(errors, value);
    g_array_append_val(sizes, size);
    sum += size;
  }
  if (errors->len > 0)
    found = (ServerError){quantiles_median(errors), quantiles_median(sizes), sum / errors->len};
  return found;
}

/* Unless it is there. */
static void
add_group(GArray *groups, ServerGroup group, const GPtrArray *points)
{
  for (guint i = 0; i < groups->len; i++) {
    const ServerGroup *known = &g_array_index(groups, ServerGroup, i);
    if (g_strcmp0(known->card, group.card) == 0 && g_strcmp0(known->engine, group.engine) == 0 &&
        g_strcmp0(known->model, group.model) == 0 &&
        g_strcmp0(known->precision, group.precision) == 0 && known->tp == group.tp)
      return;
  }
  for (guint i = 0; i < points->len; i++) {
    const ServerPoint *point = g_ptr_array_index(points, i);
    group.n += shares(&group, point) && point->refused == NULL;
    group.refused += shares(&group, point) && point->refused != NULL;
  }
  group.ttft = error_of(&group, points, server_ttft_error);
  group.tpot = error_of(&group, points, server_tpot_error);
  g_array_append_val(groups, group);
}

GArray *
servers_groups(const GPtrArray *points)
{
  enum { CARD, ENGINE, MODEL, PRECISION, TP, ALL, KINDS };
  GArray *groups = g_array_new(FALSE, FALSE, sizeof(ServerGroup));

  add_group(groups, (ServerGroup){0}, points);
  for (guint kind = 0; kind < KINDS; kind++)
    for (guint i = 0; i < points->len; i++) {
      const ServerPoint *p = g_ptr_array_index(points, i);
      const ServerGroup group = {
          .card = kind == CARD || kind == ALL ? p->card : NULL,
          .engine = kind == ENGINE || kind == ALL ? p->engine : NULL,
          .model = kind == MODEL || kind == ALL ? p->model : NULL,
          .precision = kind == PRECISION || kind == ALL ? p->precision : NULL,
          .tp = kind == TP || kind == ALL ? p->tp : 0,
      };
      add_group(groups, group, points);
    }
  return groups;
}

char *
server_group_name(const ServerGroup *group)
{
  GString *name = g_string_new(NULL);
  const char *const texts[] = {group->card, group->engine, group->model, group->precision};

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    if (texts[i] != NULL)
      g_string_append_printf(name, "%s%s", name->len > 0 ? ", " : "",
                             *texts[i] != '\0' ? texts[i] : "not said");
  if (group->tp > 0)
    g_string_append_printf(name, "%sTP %u", name->len > 0 ? ", " : "", group->tp);
  if (name->len == 0)
    g_string_append(name, "all");
  return g_string_free(name, FALSE);
}
