/* An entry of both plans: rows whose keys are computed in several pieces, which are merged. */
#pragma once

#include <stdint.h>

typedef struct {
  int32_t sequence, first_row, head;   /* as in PrefillItem; first_row and head of a decode are 0 */
  int32_t first_partial, num_partials; /* 0 partials: padding, nothing to merge */
} AttentionMerge;
