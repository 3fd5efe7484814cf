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

/* Usage only falls when somebody ends, so the worst moment is just before one does: then those that
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
    held += courses[i].length;
    tokens = held + (guint64)(i + 1) * courses[i].left;
    peak = MAX(peak, (tokens + (guint64)(i + 1) * (query->block_size - 1)) / query->block_size);
  }
  return peak;
}
