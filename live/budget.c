#include "budget.h"

#include "host_memory.h"

#include <math.h>

G_DEFINE_QUARK(spillway - live - error, live_error)

#define GIB (1024.0 * 1024 * 1024)

void
budget_add(Budget *budget, const char *what, guint64 bytes)
{
  g_assert(budget->count < BUDGET_NEEDS_MAX);
  budget->needs[budget->count++] = (BudgetNeed){what, bytes};
}

static guint64
budget_total_bytes(const Budget *budget)
{
  guint64 bytes = 0;

  for (guint i = 0; i < budget->count; i++)
    bytes += budget->needs[i].bytes;
  return bytes;
}

/* "12.55 GiB", "40.0 MiB". */
static void
append_bytes(GString *text, guint64 bytes)
{
  if ((double)bytes >= 0.1 * GIB)
    g_string_append_printf(text, "%.2f GiB", (double)bytes / GIB);
  else
    g_string_append_printf(text, "%.1f MiB", (double)bytes * 1024 / GIB);
}

static void
append_needs(GString *text, const Budget *rest, guint32 num_blocks, guint64 block_bytes)
{
  const char *between = "";

  if (num_blocks > 0) {
    append_bytes(text, num_blocks * block_bytes);
    g_string_append_printf(text, " for %u KV blocks", num_blocks);
    between = ", ";
  }
  for (guint i = 0; i < rest->count; i++) {
    if (rest->needs[i].bytes == 0)
      continue;
    g_string_append(text, between);
    between = ", ";
    append_bytes(text, rest->needs[i].bytes);
    g_string_append_printf(text, " for %s", rest->needs[i].what);
  }
}

/* How many blocks the rest leaves room for. */
static guint64
blocks_that_fit(const Budget *rest, guint64 block_bytes, guint64 free_bytes)
{
  guint64 rest_bytes = budget_total_bytes(rest);

  return free_bytes > rest_bytes ? (free_bytes - rest_bytes) / block_bytes : 0;
}

static gboolean
fits(const Budget *rest, guint32 num_blocks, guint64 block_bytes, guint64 free_bytes)
{
  return budget_total_bytes(rest) + num_blocks * block_bytes <= free_bytes;
}

static void
append_advice(GString *text, guint64 fit, guint64 block_bytes)
{
  double gib = floor((double)(fit * block_bytes) / GIB * 100) / 100;

  g_string_append_printf(
      text, "; at most %" G_GUINT64_FORMAT " blocks fit: --num-gpu-blocks %" G_GUINT64_FORMAT, fit,
      fit);
  if (gib > 0)
    g_string_append_printf(text, " or --kv-memory %.2fGiB", gib);
  g_string_append(text, "; or give fewer --max-num-batched-tokens or --max-num-seqs, or a smaller "
                        "model");
}

gboolean
budget_check_gpu(const Budget *rest, guint32 num_blocks, guint64 block_bytes, guint64 free_bytes,
                 guint64 total_bytes, GError **error)
{
  guint64 fit = blocks_that_fit(rest, block_bytes, free_bytes);
  g_autoptr(GString) text = NULL;

  if (fits(rest, num_blocks, block_bytes, free_bytes))
    return TRUE;
  text = g_string_new("the GPU has ");
  append_bytes(text, free_bytes);
  g_string_append(text, " free of ");
  append_bytes(text, total_bytes);
  g_string_append(text, ", this run needs ");
  append_bytes(text, budget_total_bytes(rest) + num_blocks * block_bytes);
  g_string_append(text, ": ");
  append_needs(text, rest, num_blocks, block_bytes);
  if (fit >= 2)
    append_advice(text, fit, block_bytes);
  else
    g_string_append(text, "; no KV block fits: run a smaller model, or give fewer "
                          "--max-num-batched-tokens, or --max-num-seqs");
  g_set_error_literal(error, LIVE_ERROR, LIVE_ERROR_MEMORY, text->str);
  return FALSE;
}

gboolean
budget_check_host(const Budget *rest, guint32 num_blocks, guint64 block_bytes,
                  guint64 available_bytes, GError **error)
{
  guint64 fit = blocks_that_fit(rest, block_bytes, available_bytes);
  g_autoptr(GString) text = NULL;

  if (fits(rest, num_blocks, block_bytes, available_bytes))
    return TRUE;
  text = g_string_new("the host has ");
  append_bytes(text, available_bytes);
  g_string_append(text, " of memory left, this run needs ");
  append_bytes(text, budget_total_bytes(rest) + num_blocks * block_bytes);
  g_string_append(text, " there: ");
  append_needs(text, rest, num_blocks, block_bytes);
  if (fit > 0 && num_blocks > 0)
    g_string_append_printf(text,
                           "; at most %" G_GUINT64_FORMAT
                           " blocks fit: --num-cpu-blocks %" G_GUINT64_FORMAT
                           " or less --swap-space",
                           fit, fit);
  else
    g_string_append(text, "; run a smaller model, or give fewer blocks");
  g_string_append(text, " (where memory grows as it is used: " HOST_MEMORY_GROWS "=1)");
  g_set_error_literal(error, LIVE_ERROR, LIVE_ERROR_MEMORY, text->str);
  return FALSE;
}
