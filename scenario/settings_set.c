/* Sets options of the table (settings.c) and of policies by their names, from texts. */
#include "settings_option.h"

#include "typed.h"

#include <math.h>
#include <string.h>

static const PolicyOption *
find_policy_option(const char *name)
{
  PolicyOptionPlace place;

  for (guint n = 0; policy_option_at(n, &place); n++)
    if (g_str_equal(place.option->name, name))
      return place.option;
  return NULL;
}

static const SettingsOption *
find_option(const char *name, GError **error)
{
  g_autofree const char **names = settings_names();
  g_autofree char *hint = NULL;

  for (guint i = 0; i < settings_n_options; i++)
    if (g_str_equal(settings_options[i].name, name) ||
        (settings_options[i].letter != 0 && settings_options[i].letter == name[0] &&
         name[1] == '\0'))
      return &settings_options[i];
  hint = typed_hint(name, names);
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_UNKNOWN_OPTION, "unknown option %s%s", name,
              hint);
  return NULL;
}

static gboolean
set_switch(Settings *settings, const SettingsOption *option, const char *value, GError **error)
{
  gboolean on = value == NULL || g_ascii_strcasecmp(value, "true") == 0;

  if (!on && g_ascii_strcasecmp(value, "false") != 0) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--%s: found '%s', expected true or false", option->name, value);
    return FALSE;
  }
  *(gboolean *)settings_option_field(settings, option) = option->kind == KIND_SWITCH ? on : !on;
  return TRUE;
}

static gboolean
set_text(Settings *settings, const SettingsOption *option, const char *value, GError **error)
{
  char **text = settings_option_field(settings, option);

  if (*value == '\0') {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s: found nothing, expected %s",
                option->name, option->argument);
    return FALSE;
  }
  g_free(*text);
  *text = g_strdup(value);
  return TRUE;
}

static gboolean
set_policy_option(Settings *settings, const PolicyOption *option, const char *value, GError **error)
{
  g_autofree char *what = g_strconcat("--", option->name, NULL);
  guint64 count = 0;
  double real = 0;

  if (option->whole
          ? !typed_uint(value, what, (guint64)option->min, (guint64)option->max, &count, error)
          : !typed_real(value, what, option->min, option->max, &real, error))
    return FALSE;
  if (option->whole)
    real = (double)count;
  g_hash_table_insert(settings->policy_values, (gpointer)option->name,
                      g_memdup2(&real, sizeof real));
  g_hash_table_insert(settings->given, (gpointer)option->name, (gpointer)SETTINGS_TYPED);
  return TRUE;
}

/* Adds a hint to the error about a number if the value is a list of numbers; "0,9" is none. FALSE.
 */
static gboolean
hint_at_lists(const SettingsOption *option, const char *value, GError **error)
{
  if ((option->kind == KIND_COUNT || (value != NULL && strchr(value, '.') != NULL)) &&
      !settings_option_is_text(option) && error != NULL && *error != NULL) {
    g_autofree char *message = (*error)->message;
    (*error)->message = g_strconcat(message, typed_list_hint(value), NULL);
  }
  return FALSE;
}

gboolean
settings_set(Settings *settings, const char *name, const char *value, GError **error)
{
  const PolicyOption *policy_option = find_policy_option(name);
  const SettingsOption *option;
  g_autofree char *what = NULL;
  gboolean ok = FALSE;

  if (policy_option != NULL)
    return set_policy_option(settings, policy_option, value, error);
  option = find_option(name, error);
  if (option == NULL)
    return FALSE;
  what = g_strconcat("--", option->name, NULL);
  if (settings_option_is_switch(option))
    ok = set_switch(settings, option, value, error);
  else if (settings_option_is_text(option))
    ok = set_text(settings, option, value, error);
  else if (option->kind == KIND_COUNT)
    ok = typed_uint(value, what, (guint64)option->min, (guint64)option->max,
                    settings_option_field(settings, option), error);
  else if (option->kind == KIND_RATE)
    ok = typed_rate(value, what, option->min, option->max, settings_option_field(settings, option),
                    error);
  else
    ok = typed_real(value, what, option->min, option->max, settings_option_field(settings, option),
                    error);
  if (!ok)
    return hint_at_lists(option, value, error);
  g_hash_table_insert(settings->given, (gpointer)option->name, (gpointer)SETTINGS_TYPED);
  return TRUE;
}

static char *
number_text(double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  return g_strdup(isinf(value) ? "inf" : g_ascii_formatd(text, sizeof text, "%.15g", value));
}

char *
settings_typed_text(const Settings *settings, const char *name)
{
  const double *of_policy = g_hash_table_lookup(settings->policy_values, name);
  const SettingsOption *option = NULL;
  gconstpointer field;

  if (g_strcmp0(settings_origin(settings, name), SETTINGS_TYPED) != 0)
    return NULL;
  if (of_policy != NULL)
    return number_text(*of_policy);
  for (guint i = 0; option == NULL && i < settings_n_options; i++)
    if (g_str_equal(settings_options[i].name, name))
      option = &settings_options[i];
  if (option == NULL)
    return NULL;
  field = (const char *)settings + option->offset;
  if (settings_option_is_switch(option))
    return g_strdup("");
  if (settings_option_is_text(option))
    return g_strdup(*(char *const *)field);
  if (option->kind == KIND_COUNT)
    return g_strdup_printf("%" G_GUINT64_FORMAT, *(const guint64 *)field);
  return number_text(*(const double *)field);
}
