/* The policies that are held against each other, and what a schedule may be made of. */
#pragma once

#include "scenario/scenario.h"
#include "script.h"

typedef struct {
  GPtrArray *scenarios;    /* of Scenario, one an overflow policy that is held */
  GPtrArray *players;      /* of Scenario: the first of them again, one a thread */
  GArray *victims;         /* of ScriptPick: the victim policies that are held with each */
  ScriptSpace space;       /* of every overflow and victim policy that this engine can have */
  guint32 num_cpu_blocks;  /* that a policy of it would have */
  Scenario *swap_free;     /* bounds; NULL where this engine cannot have them */
  Scenario *known_lengths; /* likewise */
} RegretField;

/* settings->overflow, ->victim: lists, "all", or NULL for all but bounds. Of "all" and NULL the
 * engine's possible ones are taken, and the rest is told on standard error. n_threads: how many
 * play. */
RegretField *regret_field_new(const Settings *settings, guint n_threads, const char *verb,
                              GError **error);
void regret_field_free(RegretField *field);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RegretField, regret_field_free)
