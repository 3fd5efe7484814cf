/* A study's cells, each resolved: what it is called, what decides its result, or why it cannot be
 * run. The same study file gives the same plan in every process. */
#pragma once

#include "study/store/store.h"
#include "scenario/shelf.h"
#include "study.h"

typedef struct {
  const Study *study;
  StudyTable table;    /* its cells: point after point, the seeds of one together */
  GPtrArray *refusals; /* of char *, one a cell: why it cannot be resolved, or NULL */
  GPtrArray *measures; /* of char *, one a cell: unlimited_key(), or NULL */
  guint *order;        /* the cells in the order to run them in */
} StudyPlan;

/* An error where the study is at fault: a value with which no cell can be resolved. Both arguments
 * outlive the plan. */
StudyPlan *study_plan_new(const Study *study, Shelf *shelf, GError **error);
void study_plan_free(StudyPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StudyPlan, study_plan_free)

/* The settings of a cell of the table; the caller frees them. */
Settings *study_plan_settings(const StudyPlan *plan, guint cell);
/* One text for the whole plan: processes that agree on it run the same cells. Caller frees. */
char *study_plan_digest(const StudyPlan *plan);
