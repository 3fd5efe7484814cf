/* How engines' servers are started, and where in a command line their own words begin. */
#pragma once

#include "server_flags.h"

typedef struct {
  const char *option, *origin; /* our option for its command line, without and with dashes */
  const char *engine;
  const char *scheduler; /* that it implies; NULL: one of vLLM's versions */
  const char *program;   /* that starts it: a word, or its last part behind a slash */
  const char *module;    /* or what follows "python -m": how the word begins */
  const char *image;     /* docker's: a part of the word */
  const ServerFlag *flags;
  const ServerFlag *file_flags; /* of the file of settings that a flag names */
  gboolean file_wins;           /* over flags */
} ServerStart;

enum { SERVER_STARTS = 3 };
extern const ServerStart server_starts[SERVER_STARTS];

/* TRUE if the server's own words begin behind words[i]: "vllm serve", "python -m
 * sglang.launch_server", "trtllm-serve", "trtllm-serve serve". */
gboolean server_starts_at(const ServerStart *server, char **words, guint i);
