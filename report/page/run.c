/* One run's own part of a page: its course, its latencies, its victims; thinned to what a screen
 * can show. */
#include "data.h"

#include <math.h>

#include "report/stored/course.h"
#include "report/stored/thin.h"

#define COURSE_POINTS 600
#define LATENCY_POINTS 240
#define VICTIMS_SHOWN 30

static json_t *
points(const double *x, const double *y, guint n, guint limit)
{
  g_autoptr(GArray) kept = thin_extremes(y, n, limit);
  json_t *array = json_array();

  for (guint i = 0; i < kept->len; i++) {
    guint at = g_array_index(kept, guint, i);
    json_array_append_new(array, json_pack("[f, f]", x[at], y[at]));
  }
  return array;
}

static json_t *
course_points(const Course *course, CourseCurve curve)
{
  return points(course->time_s[curve], course->values[curve], course->n[curve], COURSE_POINTS);
}

static json_t *
marks(const GArray *all)
{
  json_t *array = json_array();

  for (guint i = 0; i < all->len; i++) {
    const CourseMark *mark = &g_array_index(all, CourseMark, i);
    json_array_append_new(array, json_pack("[f, f]", mark->time_s, mark->count));
  }
  return array;
}

static gboolean
add_course(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error)
{
  g_autoptr(Course) course = course_read(stored, stored_run, error);
  json_t *curves;

  if (course == NULL)
    return FALSE;
  curves = json_object();
  for (guint c = 0; c < COURSE_CURVES; c++)
    json_object_set_new(curves, course_curve_name((CourseCurve)c),
                        course_points(course, (CourseCurve)c));
  json_object_set_new(run, "course", curves);
  json_object_set_new(run, "averaged_s", page_real(course->averaged_s));
  json_object_set_new(run, "preempted", marks(course->preemptions));
  json_object_set_new(run, "resumed", marks(course->resumes));
  return TRUE;
}

/* The share of requests that took no longer: thinned by their values, both ends kept. */
static json_t *
distribution(const GArray *sorted)
{
  guint n = sorted->len;
  g_autofree double *share = g_new(double, n + 1);

  for (guint i = 0; i < n; i++)
    share[i] = (double)(i + 1) / n;
  return points((const double *)(gpointer)sorted->data, share, n, LATENCY_POINTS);
}

static gboolean
add_latencies(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error)
{
  static const char *const names[LATENCIES] = {"ttft", "tpot", "e2e"};
  json_t *object = json_object();

  json_object_set_new(run, "latency", object);
  for (guint l = 0; l < LATENCIES; l++) {
    g_autoptr(GArray) sorted = stored_latency(stored, stored_run, (Latency)l, error);
    if (sorted == NULL)
      return FALSE;
    json_object_set_new(object, names[l], distribution(sorted));
  }
  return TRUE;
}

static gboolean
add_victims(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error)
{
  g_autoptr(GArray) victims = stored_victims(stored, stored_run, VICTIMS_SHOWN, error);
  json_t *array = json_array();

  json_object_set_new(run, "victims", array);
  if (victims == NULL)
    return FALSE;
  for (guint i = 0; i < victims->len; i++) {
    const StoredVictim *v = &g_array_index(victims, StoredVictim, i);
    double parts[VICTIM_PARTS];
    victim_split(v, parts);
    json_array_append_new(array, json_pack("{s:s, s:i, s:[f, f, f, f]}", "id", v->id, "preemptions",
                                           (int)v->preemptions, "parts", parts[0], parts[1],
                                           parts[2], parts[3]));
  }
  return TRUE;
}

gboolean
page_run_detail(Stored *stored, const StoredRun *stored_run, json_t *run, GError **error)
{
  return add_course(stored, stored_run, run, error) &&
         add_latencies(stored, stored_run, run, error) &&
         add_victims(stored, stored_run, run, error);
}
