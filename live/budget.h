/* The memory that a run needs, item by item, compared with what is free before anything is
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

/* FALSE if the GPU's free memory is less than `rest` and a pool of `num_blocks` blocks together:
 * the message lists what is needed and says how many blocks fit. */
gboolean budget_check_gpu(const Budget *rest, guint32 num_blocks, guint64 block_bytes,
                          guint64 free_bytes, guint64 total_bytes, GError **error);
/* The same for the host's memory and its pool of swapped blocks. */
gboolean budget_check_host(const Budget *rest, guint32 num_blocks, guint64 block_bytes,
                           guint64 available_bytes, GError **error);
