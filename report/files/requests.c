#include "requests.h"

const char *
request_outcome_name(RequestStatus status)
{
  return status == STATUS_UNFINISHED ? "aborted" : request_status_name(status);
}
