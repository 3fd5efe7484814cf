#include "course.h"

#include <math.h>

/* The throughput of a fine bucket depends on the few steps that end in it. */
#define THROUGHPUT_POINTS 160
#define STEPS_A_POINT 4
#define MARKS 160

static const char *const names[COURSE_CURVES] = {"throughput", "kv", "waiting", "out", "running"};

const char *
course_curve_name(CourseCurve curve)
{
  return names[curve];
}

static void
add_point(Course *course, CourseCurve curve, double time_s, double value)
{
  guint at = course->n[curve]++;

  course->time_s[curve][at] = time_s;
  course->values[curve][at] = value;
}

/* How many buckets make a point: none is shorter than a few steps take while any run, else the
 * curve would fall to 0 between steps. */
static guint
throughput_group(const GArray *buckets, guint64 steps)
{
  guint group = (buckets->len + THROUGHPUT_POINTS - 1) / THROUGHPUT_POINTS, busy = 0;

  for (guint i = 0; i < buckets->len; i++)
    busy += g_array_index(buckets, StoredBucket, i).running > 0;
  if (steps > 0)
    group = MAX(group, (guint)((STEPS_A_POINT * (guint64)busy + steps - 1) / steps));
  return CLAMP(group, 1, MAX(buckets->len, 1));
}

static void
add_throughput(Course *course, const GArray *buckets, guint64 steps)
{
  guint group = throughput_group(buckets, steps);

  for (guint from = 0; from < buckets->len; from += group) {
    const StoredBucket *first = &g_array_index(buckets, StoredBucket, from);
    double tokens = 0, length_s = 0;
    for (guint i = from; i < MIN(from + group, buckets->len); i++) {
      tokens += g_array_index(buckets, StoredBucket, i).output_tokens;
      length_s += g_array_index(buckets, StoredBucket, i).length_s;
    }
    course->averaged_s = fmax(course->averaged_s, length_s);
    if (length_s > 0)
      add_point(course, COURSE_THROUGHPUT, first->time_s + length_s / 2, tokens / length_s);
  }
}

/* Marks where anything happened, at most MARKS of them: the events of neighbours are one mark, at
 * the first of them. */
static GArray *
make_marks(const GArray *buckets, gboolean resumes)
{
  GArray *marks = g_array_new(FALSE, FALSE, sizeof(CourseMark));
  guint group = (buckets->len + MARKS - 1) / MARKS;

  for (guint from = 0; from < buckets->len; from += group) {
    CourseMark mark = {0};
    for (guint i = from; i < MIN(from + group, buckets->len); i++) {
      const StoredBucket *b = &g_array_index(buckets, StoredBucket, i);
      double count = resumes ? b->resumes : b->preemptions;
      if (count > 0 && mark.count == 0)
        mark.time_s = b->time_s + b->length_s / 2;
      mark.count += count;
    }
    if (mark.count > 0)
      g_array_append_val(marks, mark);
  }
  return marks;
}

Course *
course_read(Stored *stored, const StoredRun *run, GError **error)
{
  g_autoptr(GArray) buckets = stored_series(stored, run, error);
  double per_block = 100.0 / MAX(run->record.num_gpu_blocks, 1);
  Course *course;

  if (buckets == NULL)
    return NULL;
  course = g_new0(Course, 1);
  for (guint c = 0; c < COURSE_CURVES; c++) {
    course->time_s[c] = g_new(double, buckets->len + 1);
    course->values[c] = g_new(double, buckets->len + 1);
  }
  if (buckets->len > 0)
    add_throughput(course, buckets, run->record.summary.steps);
  for (guint i = 0; i < buckets->len; i++) {
    const StoredBucket *b = &g_array_index(buckets, StoredBucket, i);
    double time_s = b->time_s + b->length_s / 2;
    add_point(course, COURSE_KV, time_s, b->gpu_blocks_peak * per_block);
    add_point(course, COURSE_WAITING, time_s, b->waiting);
    add_point(course, COURSE_OUT, time_s, b->swapped);
    add_point(course, COURSE_RUNNING, time_s, b->running);
  }
  course->preemptions = make_marks(buckets, FALSE);
  course->resumes = make_marks(buckets, TRUE);
  return course;
}

void
course_free(Course *course)
{
  if (course == NULL)
    return;
  for (guint c = 0; c < COURSE_CURVES; c++) {
    g_free(course->time_s[c]);
    g_free(course->values[c]);
  }
  g_array_unref(course->preemptions);
  g_array_unref(course->resumes);
  g_free(course);
}

const char *
victim_part_title(guint part)
{
  static const char *const titles[VICTIM_PARTS] = {"queued", "preempted", "recomputed or copied",
                                                   "its own work"};

  return titles[part];
}

void
victim_split(const StoredVictim *victim, double parts_s[VICTIM_PARTS])
{
  double rest_s = fmax(0, victim->total_s - victim->queued_s - victim->preempted_s);
  double cost_s = isnan(victim->cost_s) ? 0 : victim->cost_s;

  parts_s[VICTIM_QUEUED] = victim->queued_s;
  parts_s[VICTIM_OUT] = victim->preempted_s;
  parts_s[VICTIM_AGAIN] = fmin(cost_s, rest_s);
  parts_s[VICTIM_OWN] = rest_s - parts_s[VICTIM_AGAIN];
}
