/* A run's course as curves that can be drawn: throughput, KV use, queue, and where requests were
 * preempted and brought back. */
#pragma once

#include "stored.h"

typedef enum {
  COURSE_THROUGHPUT, /* output tokens a second, averaged over averaged_s */
  COURSE_KV,         /* GPU blocks in use, most in the bucket, in percent of the pool */
  COURSE_WAITING,    /* requests that wait for admission */
  COURSE_OUT,        /* requests whose KV is on the host */
  COURSE_RUNNING,
  COURSE_CURVES
} CourseCurve;

const char *course_curve_name(CourseCurve curve);

typedef struct {
  double time_s;
  double count;
} CourseMark;

typedef struct {
  guint n[COURSE_CURVES];
  double *time_s[COURSE_CURVES];
  double *values[COURSE_CURVES];
  double averaged_s;
  GArray *preemptions; /* of CourseMark, neighbours joined where there are too many */
  GArray *resumes;
} Course;

Course *course_read(Stored *stored, const StoredRun *run, GError **error);
void course_free(Course *course);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Course, course_free)

/* Where a victim's time from arrival to finish went. */
enum { VICTIM_QUEUED, VICTIM_OUT, VICTIM_AGAIN, VICTIM_OWN, VICTIM_PARTS };

const char *victim_part_title(guint part);
/* AGAIN is what recomputing or copying costs by itself, as far as there is time for it beside the
 * others: part of that is done while it is still out. */
void victim_split(const StoredVictim *victim, double parts_s[VICTIM_PARTS]);
