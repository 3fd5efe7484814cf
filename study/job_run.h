/* Gives numbered jobs to workers and their answers to the caller: this process manages, the workers
 * compute (transport.h). Answers come in any order.
 */
#pragma once

#include "transport.h"

typedef struct {
  const char *name; /* for the progress line */
  Transport *transport;
  const guint *jobs; /* in this order; NULL: 0 to n_jobs - 1 */
  guint n_jobs;
  /* Takes the answer of a job. *failed: it counts as one that did. FALSE ends all. */
  gboolean (*take)(gpointer data, guint job, const GByteArray *answer, gboolean *failed,
                   GError **error);
  gpointer data;
} JobRun;

/* *n_done: how many were taken. FALSE with an error where one could not be, or no worker can be
 * had; without one where it was told to stop (Ctrl-C, SIGTERM). */
gboolean job_run(const JobRun *run, guint *n_done, GError **error);

/* The message of an answer that is a failure, which the caller frees; NULL: it is no failure. */
char *answer_message(const GByteArray *answer);
