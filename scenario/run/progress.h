/* A progress bar on standard error, where that is a terminal and the run takes longer than a
 * second. An observer. */
#pragma once

#include "sim/observer.h"

typedef struct Progress Progress;

/* name: shown before the bar. */
Progress *progress_new(const Workload *workload, const char *name);
Observer *progress_observer(Progress *progress);
void progress_free(Progress *progress);
