/* What in a benchmark's result contradicts itself: a time in seconds for one in milliseconds,
 * figures of two runs in one file, a column in another's place. And what makes it another run than
 * the one that its figures are taken for: requests that failed.
 *
 * Nothing is refused for it: the file may be right, and its run an odd one. Every doubt is a
 * sentence without a full stop, appended to `doubts` (of char *, which the array frees).
 */
#pragma once

#include "results.h"

/* Of one object: the result of `vllm bench serve` or sglang.bench_serving, AIPerf's
 * profile_export_aiperf.json, one of GuideLLM's benchmarks, or its document where that has one.
 * requests: of ResultRequest, what results_read_run() read of the object; NULL: it was not read.
 *
 *  - Percentiles fall, or a mean lies outside of what is least and most.
 *  - A percentile is more than the mean allows: of values that are not negative at most a part
 *    mean / x is x or more (Markov's inequality).
 *  - A request's time to the first token, and the gaps behind it, are not what it took in all.
 *  - Requests under way in the mean are more, or far fewer, than the client sent (Little's law).
 *  - Requests failed, or many were not complete when the run ended. */
void result_doubts(const json_t *object, const GArray *requests, GPtrArray *doubts);

/* The same of requests that are told one by one; {0} before the first. */
typedef struct {
  guint64 requests, failed;
  guint64 unlike; /* requests that are told to have taken two times which are far apart */
  guint64 unlike_at;
  double unlike_e2e_s, unlike_span_s; /* the first of them */
} RequestDoubts;

/* at: where the request stands; `place`: what that counts, such as "line". */
void request_doubts_take(RequestDoubts *all, const ResultRequest *request, guint64 at);
void request_doubts_tell(const RequestDoubts *all, const char *place, GPtrArray *doubts);
