/* Recordings: the steps of a run in a results database, each one's shape and what it took, read to
 * be replayed. results_run_record_steps() has them written.
 */
#pragma once

#include "results.h"
#include "sim/executor_replay.h"

typedef struct {
  char *path;
  gint64 run_id;
  gboolean measured;  /* recorded by an executor that computes, or replayed from one */
  GHashTable *config; /* key → text: the settings of the run; NULL text where it had none */
  GArray *steps;      /* of RecordedStep */
  GArray *copies;     /* of RecordedCopies; NULL: none were beside the steps */
} Recording;

/* "FILE.db:3" is that run of the file, "FILE.db" its last that recorded its steps. */
Recording *recording_read(const char *text, GError **error);
void recording_free(Recording *recording);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recording, recording_free)
