#include "sequence.h"

#include <stddef.h>
#include <string.h>

/* Clears the bytes between two offsets. */
static inline void
clear(Sequence *sequence, gsize from, gsize to)
{
  memset((char *)sequence + from, 0, to - from);
}

/* Cleared part by part, none of more than 80 bytes: what is larger would be a string instruction,
 * which is slow to start. */
void
sequence_init(Sequence *sequence, guint32 index, const Request *request)
{
  clear(sequence, 0, offsetof(Sequence, result));
  sequence->result = request_result_untouched(index, request);
  clear(sequence, offsetof(Sequence, host_blocks), offsetof(Sequence, stage));
  clear(sequence, offsetof(Sequence, stage), offsetof(Sequence, in_clock));
  clear(sequence, offsetof(Sequence, in_clock), offsetof(Sequence, radix_node));
  clear(sequence, offsetof(Sequence, radix_node), offsetof(Sequence, offload));
  clear(sequence, offsetof(Sequence, offload), sizeof *sequence);
  sequence->request = index;
  sequence->output_limit = request->output_tokens;
  sequence->max_tokens = request_max_tokens(request);
  sequence->preempted_at_ps = -1;
}

void
sequence_free(Sequence *sequence)
{
  g_free(sequence->block_ids);
  g_free(sequence->prefix_keys);
  g_free(sequence);
}

void
sequence_queue_sort_by_arrival(SequenceQueue *queue, Sequence *first)
{
  Sequence *next;

  for (Sequence *sequence = first; sequence != NULL; sequence = next) {
    Sequence *before = sequence->previous;
    next = sequence->next;
    if (before == NULL || before->request < sequence->request)
      continue;
    while (before != NULL && before->request > sequence->request)
      before = before->previous;
    sequence_queue_remove(sequence);
    sequence_queue_insert_behind(queue, before, sequence);
  }
}
