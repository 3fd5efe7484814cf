/* How the tables of server_flags.h are written. */
#pragma once

#include "server_flags.h"

#define FROM_CONFIG "the model's config.json says it: give that as --model"
#define IN_16_BITS "computing is at 16 bits, or as weights are quantized"
#define TYPES_OF_16_BITS "auto half float16 bfloat16"
#define NO_SPECULATION                                                                             \
  "speculative decoding is not simulated, nor is its memory, which the pool is too large by "      \
  "('spillway model show --speculative-config' has it of some models)"
#define NO_ADAPTERS "adapters are not simulated"
#define ATTENTION_OF_PROFILE "attention costs what the device's profile says"
#define IN_ORDER "requests are served in order of arrival"

#define SAME(flag)                                                                                 \
  {                                                                                                \
    flag, FLAG_TAKEN, NULL, NULL, NULL, FALSE                                                      \
  }
#define SWITCH(flag)                                                                               \
  {                                                                                                \
    flag, FLAG_TAKEN, NULL, NULL, NULL, TRUE                                                       \
  }
#define CALLED(flag, option)                                                                       \
  {                                                                                                \
    flag, FLAG_TAKEN, option, NULL, NULL, FALSE                                                    \
  }
#define SWITCH_CALLED(flag, option)                                                                \
  {                                                                                                \
    flag, FLAG_TAKEN, option, NULL, NULL, TRUE                                                     \
  }
#define NO_EFFECT(flag)                                                                            \
  {                                                                                                \
    flag, FLAG_NO_EFFECT, NULL, NULL, NULL, FALSE                                                  \
  }
#define NO_EFFECT_SWITCH(flag)                                                                     \
  {                                                                                                \
    flag, FLAG_NO_EFFECT, NULL, NULL, NULL, TRUE                                                   \
  }
#define LEFT_OUT(flag, why, harmless)                                                              \
  {                                                                                                \
    flag, FLAG_LEFT_OUT, NULL, why, harmless, FALSE                                                \
  }
#define LEFT_OUT_SWITCH(flag, why)                                                                 \
  {                                                                                                \
    flag, FLAG_LEFT_OUT, NULL, why, NULL, TRUE                                                     \
  }
#define GRAPHS_OFF(flag, off, why, harmless)                                                       \
  {                                                                                                \
    flag, FLAG_GRAPHS, off, why, harmless, FALSE                                                   \
  }
#define CONTEXT(flag)                                                                              \
  {                                                                                                \
    flag, FLAG_CONTEXT, NULL, FROM_CONFIG, "{}", FALSE                                             \
  }
#define SETTINGS_FILE(flag)                                                                        \
  {                                                                                                \
    flag, FLAG_FILE, NULL, NULL, NULL, FALSE                                                       \
  }
#define LAST_FLAG                                                                                  \
  {                                                                                                \
    NULL, FLAG_TAKEN, NULL, NULL, NULL, FALSE                                                      \
  }
