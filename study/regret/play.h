/* Plays a scenario many times, under policies or scripts, on several threads. Each thread has a
 * scenario of its own, since a cost model may keep what it computed last. Results do not depend on
 * the number of threads.
 */
#pragma once

#include "scenario/scenario.h"
#include "script.h"
#include "sim/observer.h"

/* The figures of a run. */
typedef struct {
  RunEnd end;
  guint64 finished, preemptions;
  double mean_latency_s; /* of those that finished; INFINITY: nobody did, or it did not end well */
  double ttft_p99_s;     /* INFINITY where nobody had a token */
  double requests_per_s, output_tokens_per_s;
} PlayFigures;

/* An eviction, as it went. */
typedef struct {
  gint64 time_ps;
  StepVictim victim;
} PlayEviction;

/* What is noted of a play beside its figures; the last two only of plays with a space. */
typedef enum {
  PLAY_NOTES_NOTHING,
  PLAY_NOTES_CHOICES, /* what else could have been told at each eviction */
  PLAY_NOTES_ALL,     /* and who went, when */
} PlayNotes;

typedef struct {
  SchedulerConfig config;   /* but for its cost model */
  const ScriptSpace *space; /* NULL: the configuration's policies as they are */
  const GArray *decisions;  /* of ScriptDecision, or NULL; borrowed */
  PlayNotes notes;
  /* What came of it. */
  PlayFigures figures;
  GArray *went;      /* of PlayEviction, one each */
  GArray *evictions; /* of ScriptEviction, likewise; of choices */
  GArray *victims;   /* of guint32 (script.h) */
} Play;

typedef struct KeptPlays KeptPlays; /* kept.h */

typedef struct {
  GPtrArray *scenarios; /* of Scenario: a thread each */
  const Workload *workload;
  gboolean stride;
  guint32 unit_copy_steps;
  KeptPlays *kept; /* where plays of scripts are kept, and found again; NULL: nowhere */
} Players;

/* Plays all that are not kept, and fills in the others from what is kept. */
void players_run(const Players *players, Play *plays, guint n);

void play_clear(Play *play);
