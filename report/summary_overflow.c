/* The part of a run's summary on overflow: by policy, by pool, by copy. */
#include "text.h"

#include "report/text/format.h"
#include "report/text/table.h"
#include "sim/units.h"

gint64
text_components_ps(const Summary *sum)
{
  gint64 total_ps = 0;

  for (guint c = 0; c < COST_COMPONENTS; c++)
    total_ps += sum->component_ps[c];
  return total_ps;
}

/* "LABEL  COUNT WHAT  TIME  SHARE" */
static void
add_overhead(Table *table, const char *label, guint64 count, const char *what, gint64 time_ps,
             const Summary *sum)
{
  gboolean priced = text_components_ps(sum) > 0;

  if (count == 0 && time_ps == 0)
    return;
  table_add(table, label);
  table_take(table, format_count(count));
  table_add(table, what);
  table_take(table, priced ? format_duration(ps_to_s(time_ps)) : g_strdup(""));
  table_take(table, priced ? format_percent((double)time_ps / (double)sum->busy_ps) : g_strdup(""));
  table_add(table, priced ? "of the busy time" : "");
}

/* Blocks that were swapped; where time alone is told, of none, it is that of native offload's
 * copies. */
static void
add_copies(Table *table, const char *swapped, const char *offloaded, guint64 blocks, gint64 time_ps,
           const Summary *sum)
{
  if (blocks > 0 || time_ps == 0) {
    add_overhead(table, swapped, blocks, "blocks", time_ps, sum);
    return;
  }
  table_add(table, offloaded);
  table_add(table, "");
  table_add(table, "native offload");
  table_take(table, format_duration(ps_to_s(time_ps)));
  table_take(table, format_percent((double)time_ps / (double)sum->busy_ps));
  table_add(table, "of the busy time");
}

/* Copies beside the steps, which do not lengthen them. */
static void
add_blocks(Table *table, const char *label, guint64 blocks)
{
  if (blocks == 0)
    return;
  table_add(table, label);
  table_take(table, format_count(blocks));
  for (guint i = 0; i < 4; i++)
    table_add(table, i == 0 ? "blocks" : "");
}

static void
add_peak(Table *table, const char *label, guint32 peak_blocks, guint32 num_blocks)
{
  g_autofree char *number = format_count(num_blocks);

  if (num_blocks == 0)
    return;
  table_add(table, label);
  table_take(table, format_count(peak_blocks));
  table_take(table, g_strdup_printf("of %s at the peak", number));
  table_add(table, "");
  table_take(table, format_percent((double)peak_blocks / num_blocks));
  table_add(table, "");
}

/* For copies beside the steps. sum: the device's; NULL: of many at once, which is no share of it.
 */
static void
add_wait(Table *table, const char *label, const char *what, gint64 time_ps, const Summary *sum)
{
  if (time_ps == 0)
    return;
  table_add(table, label);
  table_add(table, "");
  table_add(table, what);
  table_take(table, format_duration(ps_to_s(time_ps)));
  table_take(table, sum != NULL ? format_percent((double)time_ps / (double)sum->makespan_ps)
                                : g_strdup(""));
  table_add(table, sum != NULL ? "of the makespan" : "in sum");
}

void
text_append_fallbacks(GString *text, const RunRecord *record)
{
  g_autofree char *blocks = format_count(record->num_cpu_blocks);
  g_autofree char *victims = format_count(record->summary.swap_fallbacks);

  g_string_append_printf(text, "%s victim%s recomputed because the host's %s blocks had no room.\n",
                         victims, record->summary.swap_fallbacks == 1 ? " was" : "s were", blocks);
}

void
text_append_overflow(GString *text, const RunRecord *record)
{
  const Summary *sum = &record->summary;
  g_autoptr(Table) table = table_new("lrlrrl");
  g_autofree char *preempted = format_count(sum->preempted_requests);

  g_string_append(text, "Overflow\n");
  if (sum->preemptions == 0 && record->slowdown > 1)
    g_string_append(text, "  no preemption: requests waited until the KV cache had room\n");
  else if (sum->preemptions == 0 && sum->end == RUN_DONE)
    g_string_append(text, "  no preemption: the KV cache never ran out of room\n");
  else if (sum->preemptions == 0)
    g_string_append(text, "  no preemption\n");
  add_peak(table, "GPU blocks", sum->peak_gpu_blocks, record->num_gpu_blocks);
  add_peak(table, "host blocks", sum->peak_host_blocks, record->num_cpu_blocks);
  add_peak(table, "disk blocks", sum->peak_disk_blocks, record->num_disk_blocks);
  if (sum->preemptions > 0) {
    table_add(table, "preemptions");
    table_take(table, format_count(sum->preemptions));
    table_take(table, g_strdup_printf("over %s request%s", preempted,
                                      sum->preempted_requests == 1 ? "" : "s"));
    table_add(table, "");
    table_take(table, format_percent((double)sum->preempted_requests / (double)sum->requests));
    table_add(table, "of all requests");
  }
  add_overhead(table, "recomputed", sum->recomputed_tokens, "tokens", sum->overhead_recompute_ps,
               sum);
  add_copies(table, "swapped out", "stored", sum->swapped_out_blocks, sum->overhead_swap_out_ps,
             sum);
  add_copies(table, "swapped in", "loaded", sum->swapped_in_blocks, sum->overhead_swap_in_ps, sum);
  add_blocks(table, "to the disk", sum->disk_written_blocks);
  add_blocks(table, "from the disk", sum->disk_read_blocks);
  add_wait(table, "device waits", "for copies", sum->copy_wait_ps, sum);
  add_wait(table, "sequences wait", "for copies", sum->starved_ps, NULL);
  add_wait(table, "sequences wait", "for the disk", sum->disk_wait_ps, NULL);
  table_append(table, "  ", text);
  if (sum->swap_fallbacks > 0) {
    g_string_append(text, "  ");
    text_append_fallbacks(text, record);
  }
  g_string_append_c(text, '\n');
}
