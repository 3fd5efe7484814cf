#include "kernels/without.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {WITHOUT_PREFILL_CUTS, WITHOUT_DECODE_LISTS,
                                    WITHOUT_LAUNCH_AHEAD, WITHOUT_WIDE_TILES, WITHOUT_TENSOR_MAPS};

static bool
is_name(const char *begin, size_t length, const char *name)
{
  return strlen(name) == length && memcmp(begin, name, length) == 0;
}

bool
kernels_without(const char *name)
{
  const char *at = getenv(KERNELS_WITHOUT);

  while (at != NULL && *at != '\0') {
    const size_t length = strcspn(at, ",");
    if (is_name(at, length, name))
      return true;
    at += length + (at[length] == ',');
  }
  return false;
}

const char *
kernels_without_unknown(void)
{
  const char *at = getenv(KERNELS_WITHOUT);

  while (at != NULL && *at != '\0') {
    const size_t length = strcspn(at, ",");
    bool is_known = length == 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
      is_known |= is_name(at, length, names[i]);
    if (!is_known)
      return at;
    at += length + (at[length] == ',');
  }
  return NULL;
}
