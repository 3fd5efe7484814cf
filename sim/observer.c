#include "observer.h"

const char *
request_status_name(RequestStatus status)
{
  static const char *const names[] = {"unfinished", "finished", "ignored"};
  return names[status];
}

const char *
run_end_name(RunEnd end)
{
  static const char *const names[] = {"done", "abort", "stuck", "livelock"};
  return names[end];
}
