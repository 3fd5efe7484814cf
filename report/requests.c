#include "requests.h"

RequestResult *
request_results_new(const Workload *workload)
{
  guint32 n = workload_count(workload);
  RequestResult *results = g_new(RequestResult, n);

  for (guint32 i = 0; i < n; i++) {
    const Request *request = workload_request(workload, i);
    results[i] = (RequestResult){.request = i,
                                 .status = STATUS_UNFINISHED,
                                 .arrival_ps = request->arrival_ps,
                                 .first_scheduled_ps = -1,
                                 .first_token_ps = -1,
                                 .last_token_ps = -1,
                                 .finish_ps = -1,
                                 .prompt_tokens = request->prompt_tokens};
  }
  return results;
}

const char *
request_outcome_name(RequestStatus status)
{
  return status == STATUS_UNFINISHED ? "aborted" : request_status_name(status);
}
