/* Reads keys of a config.json, with errors that name the file, the key, what was found and what
 * was expected. `Infinity` and `NaN`, which Python writes, are read as null.
 *
 * A reader reads one object of the file: the file's own, or one within it (text_config).
 */
#pragma once

#include <jansson.h>

#include "model_config.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

/* Upper limits of what a file may say; with these no size in sim/ overflows 64 bits. */
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
  const json_t *outer; /* the file's own object, if `root` is one within it; else NULL */
  GError **error;
} ConfigReader;

/* The file's own object; NULL with MODEL_CONFIG_ERROR. The caller drops the reference. expected:
 * what the file should be, for messages. */
json_t *config_load(const char *path, const char *expected, GError **error);

/* Sets the error "FILE: KEY: found VALUE, expected EXPECTED"; returns FALSE. */
gboolean config_refuse(const ConfigReader *reader, const char *key, const char *expected);
/* The same for a value that is not the key's own; NULL: nothing was found. */
gboolean config_refuse_value(const ConfigReader *reader, const char *key, const json_t *value,
                             const char *expected);

/* The key's value; NULL: absent or null. */
const json_t *config_get(const ConfigReader *reader, const char *key);
/* The same; a key that the object lacks is looked up in the file's own object. */
const json_t *config_get_either(const ConfigReader *reader, const char *key);
/* The first of the names (NULL-terminated) that is a key of the object; if none is, the first. */
const char *config_key(const ConfigReader *reader, const char *const *names);
gboolean config_has(const ConfigReader *reader, const char *key);
/* NULL: absent, or no text. */
const char *config_text(const ConfigReader *reader, const char *key);

/* These set *value and return TRUE, or return FALSE with MODEL_CONFIG_ERROR. With `absent`, that is
 * the value of an absent (or null) key; without, such a key is an error. */

/* A whole number from 1 to max. */
gboolean config_count(const ConfigReader *reader, const char *key, guint32 max, guint32 *value);
gboolean config_count_or(const ConfigReader *reader, const char *key, guint32 max, guint32 absent,
                         guint32 *value);
/* A whole number from 0 to max. */
gboolean config_amount_or(const ConfigReader *reader, const char *key, guint32 max, guint32 absent,
                          guint32 *value);
gboolean config_flag_or(const ConfigReader *reader, const char *key, gboolean absent,
                        gboolean *value);
/* A positive number. */
gboolean config_number_or(const ConfigReader *reader, const char *key, double absent,
                          double *value);
/* FALSE with MODEL_CONFIG_ERROR if the key is there with another value than `usual`. */
gboolean config_require_flag(const ConfigReader *reader, const char *key, gboolean usual);
