/* A finished run as bytes: what a worker of a sweep hands to the one process that writes the
 * database.
 *
 * Sender and receiver are the same program on the same kind of machine: values are sent as they lie
 * in memory, behind a header that refuses the bytes of another build.
 */
#pragma once

#include "results.h"

/* What a study keeps of a run beside its figures and settings. */
typedef enum { RESULTS_DETAIL_FIGURES, RESULTS_DETAIL_SERIES, RESULTS_DETAIL_ALL } ResultsDetail;

/* Appends the run. It fails where its requests could not be kept in their temporary file, or are
 * too many. run: its requests and preemptions, or NULL; series: likewise. The record's measured run
 * (--against) and the reason why requests were ignored, which no database keeps, are left out. */
gboolean results_pack(GByteArray *bytes, const Workload *workload, const ResultsRun *run,
                      const RunRecord *record, const ResultsSeries *series, GError **error);
