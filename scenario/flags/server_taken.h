/* What a server's flag does to the settings, wherever it stands: in its command line or in a file
 * that this names. */
#pragma once

#include "scenario/settings.h"
#include "server_start.h"

/* Flags that are left out for one reason. */
typedef struct {
  const char *why;
  GPtrArray *flags; /* of char*: as they were written */
} ServerLeftOut;

GPtrArray *server_left_out_new(void); /* of ServerLeftOut */

typedef struct {
  Settings *settings;
  const ServerStart *server;
  GPtrArray *no_effect, *unknown, *environment; /* of char*: flags as they were written */
  GPtrArray *left_out;                          /* of ServerLeftOut, each for another reason */
  GPtrArray *files;                             /* of char*: names of files of settings */
  gboolean in_file;                             /* what is taken is a file's */
} ServerArgs;

/* Options that size the pool: a typed one replaces all that were pasted. vLLM's come first. */
enum { SERVER_VLLM_POOL_OPTIONS = 3 };
extern const char *const server_pool_options[];

/* Sets the error "--vllm-args: WORD: WHAT"; FALSE. */
gboolean server_refuse(const ServerArgs *args, GError **error, const char *word, const char *what);

/* Adds a sentence to Settings.notes. */
void server_note(ServerArgs *args, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Notes what is left out, a sentence a reason. */
void server_note_left_out(ServerArgs *args);

/* Refuses a value that is not known: a variable's that nothing sets. */
gboolean server_check_variables(const ServerArgs *args, const char *written, const char *value,
                                GError **error);

/* Sets an option of ours. What was typed goes before it, which is noted. */
gboolean server_set(ServerArgs *args, const char *written, const char *option, const char *value,
                    GError **error);

/* Sets the model, if it ships or is a file, and else notes what to give. */
gboolean server_take_model(ServerArgs *args, const char *value, GError **error);

/* Does what the table says of the flag `name`, which was written as `written`; value: NULL for
 * none. */
gboolean server_take_flag(ServerArgs *args, const ServerFlag *flags, const char *written,
                          const char *name, const char *value, GError **error);
