/* What both plans say of rows that more than one piece of keys is computed for. */
#pragma once

#include <stdint.h>

typedef struct {
  int32_t sequence, first_row, head;   /* as of a PrefillItem; of a decode its first row and head */
  int32_t first_partial, num_partials; /* no partials: there is no such merge */
} AttentionMerge;
