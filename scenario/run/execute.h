/* Executes a scenario: runs the loop, measures it, and writes the files that were asked for. */
#pragma once

#include "live_setup.h"
#include "perfetto_window.h"
#include "report/results/pack.h"
#include "scenario/scenario.h"
#include "slowdown.h"

typedef struct {
  const Workload *workload;
  const Settings *settings; /* no output may replace an input of theirs */
  const char *verb;
  const char *name; /* of the run among others: its overflow policy */
  gboolean stride;
  const char *decisions; /* paths; NULL: not wanted */
  const char *requests;
  const char *perfetto;
  PerfettoWindow perfetto_window;
  const Measured *against; /* paired with the workload; NULL: nothing to compare the run with */
  Results *results;        /* where the run is added; NULL: nowhere */
  const LiveSetup *live;   /* where the scenario's executor computes */
  GArray *copies_ended;    /* of RecordedCopies: what such an executor answers; NULL: not wanted */
  const char *outputs;   /* path of what each request got, where it is computed; NULL: not wanted */
  gboolean record_steps; /* in results */
  Observer *observer;    /* an observer of the caller's; NULL: none */
  GByteArray *packed;    /* where the run is packed for another process; NULL: nowhere */
  ResultsDetail detail;  /* of what is packed */
  /* Not NULL: no progress bar, no messages, Ctrl-C is left alone; what failed is put here. */
  char **failure;
  /* Called before each step: TRUE ends the run early, as an abort. May be NULL. */
  gboolean (*stop)(gpointer data);
  gpointer stop_data;
  Unlimited *unlimited; /* shared by runs that differ in their policy only */
} Execution;

/* Runs it and fills the record, which the caller clears with run_record_clear(); record->name is
 * borrowed. Returns the exit status for the run: CLI_FAILED if the engine did not end well,
 * CLI_USAGE if a file could not be written; a message was printed. The record holds the summary in
 * any case; outputs that failed are missing. */
int execute_scenario(const Scenario *scenario, const Execution *execution, RunRecord *record);

/* Reads the file of --against and pairs it with the workload; notes go to standard error. NULL if
 * path is NULL, or with an error. */
Measured *execute_read_against(const char *path, const Workload *workload, const char *verb,
                               GError **error);

void run_record_clear(RunRecord *record);

/* Opens the results file of --output. FALSE if it cannot be used; a message was printed. */
gboolean execute_open_results(const char *path, const char *verb, Results **results);
