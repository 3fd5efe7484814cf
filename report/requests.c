#include "requests.h"

RequestResult *
request_results_new(const Workload *workload)
{
  guint32 n = workload_count(workload);
  RequestResult *results = g_new(RequestResult, n);

  for (guint32 i = 0; i < n; i++)
    results[i] = request_result_untouched(i, workload_request(workload, i));
  return results;
}

const char *
request_outcome_name(RequestStatus status)
{
  return status == STATUS_UNFINISHED ? "aborted" : request_status_name(status);
}
