/* Reads keys of a config.json, with errors that name the file, the key, what was found and what
 * was expected. `Infinity` and `NaN`, which Python writes, are read as null.
 *
 * A reader stands in one object of the file: the whole, or one within (text_config). What both may
 * hold is looked for inside first.
 */
#pragma once

#include <jansson.h>

#include "model_config.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Largest values that are believed; with them no size in sim/ overflows 64 bits. */
enum {
  CONFIG_MAX_LAYERS = 1 << 10,
  CONFIG_MAX_HIDDEN = 1 << 18,
  CONFIG_MAX_HEADS = 1 << 12,
  CONFIG_MAX_HEAD_DIM = 1 << 14,
  CONFIG_MAX_FFN = 1 << 20,
  CONFIG_MAX_VOCAB = 1 << 24,
  CONFIG_MAX_EXPERTS = 1 << 12,
  CONFIG_MAX_POSITION = 1 << 28,
};

typedef struct {
  const char *path;
  const json_t *root;  /* the object that is read */
  const char *within;  /* its key, for messages; NULL: the file itself */
  const json_t *outer; /* the file, where `root` is within it; else NULL */
  GError **error;
} ConfigReader;

/* The file's object; MODEL_CONFIG_ERROR. The caller drops the reference. */
json_t *config_load(const char *path, const char *expected, GError **error);

/* "FILE: KEY: found VALUE, expected EXPECTED"; both return FALSE. */
gboolean config_refuse(const ConfigReader *reader, const char *key, const char *expected);
gboolean config_refuse_value(const ConfigReader *reader, const char *key, const json_t *value,
                             const char *expected);

/* NULL where it is absent or null. */
const json_t *config_get(const ConfigReader *reader, const char *key);
/* The same, in the file itself where the object within lacks it. */
const json_t *config_get_either(const ConfigReader *reader, const char *key);
/* The first of several names that a key goes by that is there; else the first of all. */
const char *config_key(const ConfigReader *reader, const char *const *names);
gboolean config_has(const ConfigReader *reader, const char *key);
const char *config_text(const ConfigReader *reader, const char *key);

/* A whole number from 1 to max. */
gboolean config_count(const ConfigReader *reader, const char *key, guint32 max, guint32 *value);
/* An absent (or null) key gives `absent`. */
gboolean config_count_or(const ConfigReader *reader, const char *key, guint32 max, guint32 absent,
                         guint32 *value);
/* From 0 on. */
gboolean config_amount_or(const ConfigReader *reader, const char *key, guint32 max, guint32 absent,
                          guint32 *value);
gboolean config_flag_or(const ConfigReader *reader, const char *key, gboolean absent,
                        gboolean *value);
/* A positive number of a believable size. */
gboolean config_number_or(const ConfigReader *reader, const char *key, double absent,
                          double *value);
/* Only this value is known. */
gboolean config_require_flag(const ConfigReader *reader, const char *key, gboolean usual);
