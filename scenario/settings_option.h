/* The table of a run's options (settings.c). settings_set.c sets them, cli/run_options.c makes a
 * command line of them.
 */
#pragma once

#include "settings.h"

typedef enum {
  KIND_TEXT,
  KIND_FILE,
  KIND_COUNT,
  KIND_REAL,
  KIND_RATE, /* a number, or inf */
  KIND_SWITCH,
  KIND_SWITCH_OFF
} Kind;

typedef enum {
  GROUP_WHAT,
  GROUP_CLIENT,
  GROUP_ENGINE,
  GROUP_SGLANG,
  GROUP_POLICY,
  GROUP_COST,
  GROUP_LIVE,
  GROUP_OUTPUT,
  GROUPS
} Group;

typedef struct {
  const char *name;
  Group group;
  Kind kind;
  gsize offset;         /* of its field in Settings */
  double min, max;      /* of KIND_COUNT, KIND_REAL and KIND_RATE */
  const char *argument; /* its name in the help */
  const char *help;
  char letter;
  const char *only;           /* the one verb that has it; NULL: all */
  const char *except;         /* the one verb that lacks it; NULL: none */
  const PolicyKind *policies; /* its value is one of these, which the help lists; NULL: it is not */
} SettingsOption;

/* [settings_n_options] */
extern const SettingsOption settings_options[];
extern const guint settings_n_options;

static inline gboolean
settings_option_is_switch(const SettingsOption *option)
{
  return option->kind == KIND_SWITCH || option->kind == KIND_SWITCH_OFF;
}

static inline gboolean
settings_option_is_text(const SettingsOption *option)
{
  return option->kind == KIND_TEXT || option->kind == KIND_FILE;
}

/* Where the settings keep its value: char*, guint64, double or gboolean, by its kind. */
static inline gpointer
settings_option_field(Settings *settings, const SettingsOption *option)
{
  return (char *)settings + option->offset;
}
