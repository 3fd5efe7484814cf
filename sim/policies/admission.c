#include "admission.h"

#include <stdlib.h>

const AdmissionPolicy *const admission_policies[] = {
    ADMISSION_POLICIES(POLICY_ENTRY) NULL,
};

typedef struct {
  guint32 left; /* steps until it ends */
  guint32 length;
} Course;

static int
compare_longest_first(gconstpointer a, gconstpointer b)
{
  guint32 x = ((const Course *)a)->left, y = ((const Course *)b)->left;

  return (x < y) - (x > y);
}

guint64
admission_most_blocks(const AdmissionQuery *query, guint64 tokens)
{
  return query->groups != NULL
             ? kv_groups_most_blocks(query->groups, tokens, query->in_flight_tokens)
             : (tokens + query->block_size - 1) / query->block_size;
}

guint64
admission_group_growth(const AdmissionQuery *query, guint32 length, guint64 tokens)
{
  guint64 now = kv_groups_sequence_blocks(query->groups, length);
  guint64 then = kv_groups_sequence_blocks(query->groups, length + tokens);

  return then > now ? then - now : 0;
}

/* What all that go on for `steps` more hold then, in a pool that groups share. */
static guint64
group_blocks_then(const AdmissionQuery *query, const Course *courses, guint32 n, guint32 steps)
{
  guint64 blocks = 0;

  for (guint32 i = 0; i < n; i++) {
    guint64 tokens = (guint64)courses[i].length + steps;
    blocks += kv_groups_step_blocks(query->groups, tokens - 1, tokens - 1, tokens);
  }
  return blocks;
}

/* Usage only falls when somebody ends (and where windows give back, by less than it rose), so the
 * worst moment is just before one does: then those that
 * end no sooner hold what they hold now, and a token for each step until then. */
guint64
admission_peak_blocks(const AdmissionQuery *query, const guint32 *outputs)
{
  guint32 n = query->n_running + 1;
  g_autofree Course *courses = g_new(Course, n);
  guint64 held = 0, peak = 0;

  for (guint32 i = 0; i < n; i++) {
    const AdmissionSequence *s = i < query->n_running ? &query->running[i] : &query->candidate;
    courses[i] = (Course){.left = outputs[i] - MIN(outputs[i], s->generated), .length = s->length};
  }
  qsort(courses, n, sizeof *courses, compare_longest_first);
  for (guint32 i = 0; i < n; i++) {
    guint64 tokens;
    if (query->groups != NULL) {
      peak = MAX(peak, group_blocks_then(query, courses, i + 1, courses[i].left));
      continue;
    }
    held += courses[i].length;
    tokens = held + (guint64)(i + 1) * courses[i].left;
    peak = MAX(peak, (tokens + (guint64)(i + 1) * (query->block_size - 1)) / query->block_size);
  }
  return peak;
}
