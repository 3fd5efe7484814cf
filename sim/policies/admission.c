#include "admission.h"

const AdmissionPolicy *const admission_policies[] = {
    ADMISSION_POLICIES(POLICY_ENTRY) NULL,
};

typedef struct {
  guint32 left; /* steps until the sequence ends */
  guint32 length;
} Course;

/* Sorts by one byte of `left`, the highest first; stable. */
static void
sort_by_byte(const Course *from, Course *to, guint32 n, guint shift)
{
  guint32 places[256] = {0}, place = 0;

  for (guint32 i = 0; i < n; i++)
    places[from[i].left >> shift & 0xff]++;
  for (guint byte = 256; byte-- > 0;) {
    guint32 count = places[byte];
    places[byte] = place;
    place += count;
  }
  for (guint32 i = 0; i < n; i++)
    to[places[from[i].left >> shift & 0xff]++] = from[i];
}

/* Sorts by `left`, the highest first (a radix sort, since much runs and every admission asks).
 * Returns the one of the two arrays that has the result. */
static Course *
sort_longest_first(Course *courses, Course *other, guint32 n, guint32 most_left)
{
  for (guint shift = 0; shift < 32 && most_left >> shift > 0; shift += 8) {
    Course *sorted = other;
    sort_by_byte(courses, sorted, n, shift);
    other = courses;
    courses = sorted;
  }
  return courses;
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

static guint32
group_blocks(const AdmissionQuery *query, guint64 tokens)
{
  guint32 *more_than = tokens < query->blocks.n ? &query->blocks.more_than[tokens] : NULL;
  guint32 blocks;

  if (more_than != NULL && *more_than > 0)
    return *more_than - 1;
  blocks = (guint32)kv_groups_step_blocks(query->groups, tokens - 1, tokens - 1, tokens);
  if (more_than != NULL)
    *more_than = blocks + 1;
  return blocks;
}

/* Blocks that the courses hold after `steps` more steps, in a pool that groups share. */
static guint64
group_blocks_then(const AdmissionQuery *query, const Course *courses, guint32 n, guint32 steps)
{
  guint64 blocks = 0;

  for (guint32 i = 0; i < n; i++)
    blocks += group_blocks(query, (guint64)courses[i].length + steps);
  return blocks;
}

/* An upper bound of what the first i + 1 courses, of `length` tokens together, hold in `left`
 * steps. */
static guint64
group_bound(const AdmissionQuery *query, guint64 length, guint32 i, guint32 left)
{
  return kv_groups_bound_blocks(query->groups, i + 1, length + (guint64)(i + 1) * left);
}

/* Adds up exactly only where a bound exceeds the pool, first where the bound is highest. */
static gboolean
groups_fit(const AdmissionQuery *query, const Course *courses, guint32 n)
{
  guint64 length = 0, most = 0;
  guint32 worst = 0;

  for (guint32 i = 0; i < n; i++) {
    guint64 bound;
    length += courses[i].length;
    bound = group_bound(query, length, i, courses[i].left);
    if (bound > most)
      worst = i;
    most = MAX(most, bound);
  }
  if (most <= query->total_blocks)
    return TRUE;
  if (group_blocks_then(query, courses, worst + 1, courses[worst].left) > query->total_blocks)
    return FALSE;
  length = 0;
  for (guint32 i = 0; i < n; i++) {
    length += courses[i].length;
    if (i != worst && group_bound(query, length, i, courses[i].left) > query->total_blocks &&
        group_blocks_then(query, courses, i + 1, courses[i].left) > query->total_blocks)
      return FALSE;
  }
  return TRUE;
}

/* Each sequence's last block counts as full. */
static gboolean
blocks_fit(const AdmissionQuery *query, const Course *courses, guint32 n)
{
  guint64 held = 0, peak = 0;

  for (guint32 i = 0; i < n; i++) {
    held += courses[i].length + query->block_size - 1;
    peak = MAX(peak, held + (guint64)(i + 1) * courses[i].left);
  }
  return peak / query->block_size <= query->total_blocks;
}

/* What is held falls only when a sequence ends (or where windows give back, by less than it rose),
 * so the worst moment is just before one ends: then those that end no sooner hold what they hold
 * now and a token for each step until then. */
gboolean
admission_all_fit(const AdmissionQuery *query, const guint32 *outputs)
{
  guint32 n = query->n_running + 1;
  g_autofree Course *room = g_new(Course, 2 * (gsize)n);
  Course *courses = room;
  guint32 most_left = 0;

  for (guint32 i = 0; i < n; i++) {
    const AdmissionSequence *s = i < query->n_running ? &query->running[i] : &query->candidate;
    courses[i] = (Course){.left = outputs[i] - MIN(outputs[i], s->generated), .length = s->length};
    most_left = MAX(most_left, courses[i].left);
  }
  courses = sort_longest_first(courses, courses + n, n, most_left);
  return query->groups != NULL ? groups_fit(query, courses, n) : blocks_fit(query, courses, n);
}
