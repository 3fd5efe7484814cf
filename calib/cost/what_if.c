/* Reads --what-if by the table of scales. */
#include "what_if.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

G_DEFINE_QUARK(spillway - what - if - error, what_if_error)

#define MIN_SCALE 1e-3
#define MAX_SCALE 1e6

static const struct {
  const char *name;
  gboolean speed;
  gsize offset;
  const char *help;
} scales[] = {
#define ROW(factor, key, is_speed, help) {key, is_speed, offsetof(WhatIf, factor), help},
    WHAT_IF_SCALES(ROW)
#undef ROW
};

char *
what_if_help(void)
{
  GString *help = g_string_new(NULL);

  for (guint i = 0; i < G_N_ELEMENTS(scales); i++)
    g_string_append_printf(help, "  %-12s %s\n", scales[i].name, scales[i].help);
  return g_string_free(help, FALSE);
}

static gboolean
refuse_name(const char *name, GError **error)
{
  g_autoptr(GString) known = g_string_new(NULL);

  for (guint i = 0; i < G_N_ELEMENTS(scales); i++)
    g_string_append_printf(known, "%s%s", i > 0 ? ", " : "", scales[i].name);
  g_set_error(error, WHAT_IF_ERROR, WHAT_IF_ERROR_SYNTAX,
              "--what-if: found '%.40s', expected one of %s, as in h2d=2x", name, known->str);
  return FALSE;
}

/* "0" → 0; "1.5x" → 1.5. */
static gboolean
parse_scale(const char *text, double *scale)
{
  char *end = NULL;

  if (g_str_equal(text, "0")) {
    *scale = 0;
    return TRUE;
  }
  if (!g_ascii_isdigit(*text) || strspn(text, "0123456789.eE+-x") != strlen(text))
    return FALSE;
  *scale = g_ascii_strtod(text, &end);
  return g_str_equal(end, "x") && *scale >= MIN_SCALE && *scale <= MAX_SCALE;
}

static gboolean
apply(const char *item, guint *seen, WhatIf *what_if, GError **error)
{
  g_auto(GStrv) parts = g_strsplit(item, "=", 2);
  double scale;
  guint i = 0;

  while (i < G_N_ELEMENTS(scales) && parts[0] != NULL && !g_str_equal(parts[0], scales[i].name))
    i++;
  if (parts[0] == NULL || i == G_N_ELEMENTS(scales))
    return refuse_name(item, error);
  if (parts[1] == NULL || !parse_scale(parts[1], &scale)) {
    g_set_error(error, WHAT_IF_ERROR, WHAT_IF_ERROR_SYNTAX,
                "--what-if: found '%.40s', expected %s=Nx with N from %g to %g (%s), or %s=0 (off)",
                item, parts[0], MIN_SCALE, MAX_SCALE,
                scales[i].speed ? "N times the speed" : "N times the cost", parts[0]);
    return FALSE;
  }
  if ((*seen & 1u << i) != 0) {
    g_set_error(error, WHAT_IF_ERROR, WHAT_IF_ERROR_SYNTAX, "--what-if: found %s twice", parts[0]);
    return FALSE;
  }
  *seen |= 1u << i;
  G_STRUCT_MEMBER(double, what_if, scales[i].offset) =
      scale > 0 && scales[i].speed ? 1 / scale : scale;
  return TRUE;
}

gboolean
what_if_is_none(const WhatIf *what_if)
{
  return memcmp(what_if, &WHAT_IF_NONE, sizeof *what_if) == 0;
}

gboolean
what_if_parse(const char *text, WhatIf *what_if, GError **error)
{
  g_auto(GStrv) items = NULL;
  guint seen = 0;

  *what_if = WHAT_IF_NONE;
  if (text == NULL || *text == '\0')
    return TRUE;
  items = g_strsplit(text, ",", -1);
  for (char **item = items; *item != NULL; item++)
    if (!apply(g_strstrip(*item), &seen, what_if, error))
      return FALSE;
  return TRUE;
}
