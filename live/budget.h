/* What a run needs of a memory, piece by piece, held against what is free before anything is
 * allocated: one message with all numbers instead of the first allocation that fails.
 */
#pragma once

#include "device.h"

enum { BUDGET_NEEDS_MAX = 16 };

typedef struct {
  const char *what; /* "weights" */
  guint64 bytes;
} BudgetNeed;

typedef struct {
  BudgetNeed needs[BUDGET_NEEDS_MAX];
  guint count;
} Budget;

void budget_add(Budget *budget, const char *what, guint64 bytes);

/* FALSE if the GPU's free memory is less than everything and a pool of `num_blocks` blocks: the
 * message lists what is needed and says how many blocks there is room for. */
gboolean budget_check_gpu(const Budget *rest, guint32 num_blocks, guint64 block_bytes,
                          guint64 free_bytes, guint64 total_bytes, GError **error);
/* The same of the host, for its pool of swapped blocks. */
gboolean budget_check_host(const Budget *rest, guint32 num_blocks, guint64 block_bytes,
                           guint64 available_bytes, GError **error);
