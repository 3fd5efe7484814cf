#include "module_pattern.h"

#include <string.h>

struct ModulePattern {
  gboolean all;
  GRegex *regex;
  GPatternSpec *wildcard; /* of a module with dots at both ends */
};

/* Prefixes that files put before `layers` and `lm_head`. */
static const char *const frames[] = {"model.",   "language_model.", "text_model.", "backbone.",
                                     "decoder.", "transformer.",    "llm.",        "thinker."};

static const char *
skip_frames(const char *path)
{
  gboolean found = TRUE;

  while (found) {
    found = FALSE;
    for (guint i = 0; !found && i < G_N_ELEMENTS(frames); i++)
      if (g_str_has_prefix(path, frames[i])) {
        path += strlen(frames[i]);
        found = TRUE;
      }
  }
  return path;
}

/* The rest of `text` is a regular expression. */
static ModulePattern *
module_pattern_regex(const char *text, GError **error)
{
  g_autofree char *anchored = g_strdup_printf("^(?:%s)", text);
  g_autoptr(GRegex) regex = g_regex_new(anchored, G_REGEX_OPTIMIZE, 0, error);
  ModulePattern *pattern;

  if (regex == NULL)
    return NULL;
  pattern = g_new0(ModulePattern, 1);
  pattern->regex = g_steal_pointer(&regex);
  return pattern;
}

ModulePattern *
module_pattern_new(const char *text, GError **error)
{
  ModulePattern *pattern;
  g_autofree char *wildcard = NULL;

  if (g_str_has_prefix(text, "re:"))
    return module_pattern_regex(text + 3, error);
  pattern = g_new0(ModulePattern, 1);
  text = skip_frames(text);
  pattern->all = g_str_equal(text, "Linear") || g_str_equal(text, "*");
  /* A pattern matches whole parts of a path, so it gets dots at its ends, except at a wildcard. */
  wildcard = g_strconcat(
      "*", text[0] == '*' ? "" : ".", text,
      *text != '\0' && (text[strlen(text) - 1] == '*' || text[strlen(text) - 1] == '.') ? "" : ".",
      "*", NULL);
  pattern->wildcard = g_pattern_spec_new(wildcard);
  return pattern;
}

/* A regular expression is written for a path with one of these prefixes. */
static gboolean
regex_matches(const GRegex *regex, const char *module)
{
  static const char *const before[] = {
      "",         "model.", "model.language_model.", "language_model.model.", "language_model.",
      "backbone."};

  for (guint i = 0; i < G_N_ELEMENTS(before); i++) {
    g_autofree char *path = g_strconcat(before[i], module, NULL);
    if (g_regex_match(regex, path, 0, NULL))
      return TRUE;
  }
  return FALSE;
}

gboolean
module_pattern_matches(const ModulePattern *pattern, const char *module)
{
  g_autofree char *dotted = NULL;

  if (pattern->all)
    return TRUE;
  if (pattern->regex != NULL)
    return regex_matches(pattern->regex, module);
  dotted = g_strconcat(".", skip_frames(module), ".", NULL);
  return g_pattern_match_string(pattern->wildcard, dotted);
}

void
module_pattern_free(ModulePattern *pattern)
{
  if (pattern == NULL)
    return;
  g_clear_pointer(&pattern->regex, g_regex_unref);
  g_clear_pointer(&pattern->wildcard, g_pattern_spec_free);
  g_free(pattern);
}
