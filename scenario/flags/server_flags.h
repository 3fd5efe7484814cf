/* Flags of engines' servers, for people who have a deployment's command line: what each means here.
 * One table per engine; a flag without a name ends it. */
#pragma once

#include <glib.h>

typedef enum {
  FLAG_TAKEN,     /* an option of ours */
  FLAG_NO_EFFECT, /* changes nothing that is simulated */
  FLAG_LEFT_OUT,  /* would change a server, and is not simulated */
  FLAG_GRAPHS,    /* left out, but where it says that no CUDA graphs are captured (false, null) */
  FLAG_CONTEXT,   /* overrides config.json: the context is taken, what else is there left out */
  FLAG_FILE       /* names a file of settings */
} FlagUse;

typedef struct {
  const char *name; /* without dashes */
  FlagUse use;
  const char *option;   /* taken: ours, NULL if it is called the same */
  const char *advice;   /* left out: why, or what does it instead */
  const char *harmless; /* left out: values that change nothing, spaces between; NULL: none */
  gboolean is_switch;   /* takes no value */
} ServerFlag;

extern const ServerFlag vllm_flags[], sglang_flags[], trtllm_flags[];
/* Of TensorRT-LLM's file of settings: keys within others are behind a slash. */
extern const ServerFlag trtllm_file_flags[];

/* Why the choice of CUDA graphs is left out, where it is no mode that is simulated. */
#define SERVER_GRAPHS_ADVICE                                                                       \
  "CUDA graphs are taken to be captured as by default; --cudagraph-mode says whether in pieces"

/* The flag of that name, without dashes; NULL: the table has none. A dot and what follows it do not
 * count (compilation-config.mode). */
const ServerFlag *server_flag_find(const ServerFlag *flags, const char *name);

/* What to do instead of a flag of vLLM that is no option of ours; NULL: vLLM has no such flag, or
 * it is an option. The caller frees it. */
char *server_flag_advice(const char *name);
