#include "observer.h"

const char *
request_status_name(RequestStatus status)
{
  static const char *const names[] = {"unfinished", "finished", "ignored"};
  return names[status];
}

RequestResult
request_result_untouched(guint32 index, const Request *request)
{
  return (RequestResult){
      .request = index,
      .status = STATUS_UNFINISHED,
      .arrival_ps = request->arrival_ps,
      .first_scheduled_ps = -1,
      .first_token_ps = -1,
      .last_token_ps = -1,
      .finish_ps = -1,
      .prompt_tokens = request->prompt_tokens,
  };
}

const char *
run_end_name(RunEnd end)
{
  static const char *const names[] = {"done", "abort", "stuck", "livelock"};
  return names[end];
}
