/* Flags of vLLM's server, for people who have a deployment's command line: what each is here. */
#pragma once

#include <glib.h>

typedef enum {
  VLLM_TAKEN,     /* an option of ours */
  VLLM_NO_EFFECT, /* changes nothing that is simulated */
  VLLM_LEFT_OUT   /* would change a server, and is not simulated */
} VllmUse;

typedef struct {
  const char *name; /* without dashes */
  VllmUse use;
  const char *option;   /* taken: ours, NULL if it is called the same */
  const char *advice;   /* left out: why, or what does it instead */
  const char *harmless; /* left out: the value that changes nothing; NULL: none */
  gboolean is_switch;   /* takes no value */
} VllmFlag;

/* NULL if no such flag is known. `name` without dashes; what follows a dot in it is of the same
 * flag (compilation-config.mode). */
const VllmFlag *vllm_flag_find(const char *name);

/* What to do instead of a flag that is no option of ours, or NULL if it is no such flag. The caller
 * frees it. */
char *vllm_flag_advice(const char *name);
