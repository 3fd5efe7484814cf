/* Flags of engines' servers, for people who have a deployment's command line: what each is here. A
 * table an engine, which ends with a flag without a name. */
#pragma once

#include <glib.h>

typedef enum {
  FLAG_TAKEN,     /* an option of ours */
  FLAG_NO_EFFECT, /* changes nothing that is simulated */
  FLAG_LEFT_OUT   /* would change a server, and is not simulated */
} FlagUse;

typedef struct {
  const char *name; /* without dashes */
  FlagUse use;
  const char *option;   /* taken: ours, NULL if it is called the same */
  const char *advice;   /* left out: why, or what does it instead */
  const char *harmless; /* left out: the value that changes nothing; NULL: none */
  gboolean is_switch;   /* takes no value */
} ServerFlag;

extern const ServerFlag vllm_flags[], sglang_flags[], trtllm_flags[];

/* NULL if no such flag is in the table. `name` without dashes; what follows a dot in it is of the
 * same flag (compilation-config.mode). */
const ServerFlag *server_flag_find(const ServerFlag *flags, const char *name);

/* What to do instead of a flag of vLLM that is no option of ours, or NULL if it is no such flag.
 * The caller frees it. */
char *server_flag_advice(const char *name);
