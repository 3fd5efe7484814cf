/* A study file: what `spillway sweep` runs. doc/sweeps.md has its form.
 *
 * Every error names the file and the line. Values are checked as they are read, each by itself;
 * what does not go together is found when a cell is resolved (plan.h).
 */
#pragma once

#include "scenario/output_file.h"
#include "scenario/settings.h"

typedef struct {
  char *name;    /* of the option, without dashes */
  guint line;    /* of the file, from 1 */
  char **texts;  /* as the file has them; one, where it is no list */
  char **values; /* for settings_set(): paths are from the study's folder */
} StudyOption;

typedef struct {
  char *path; /* as it was named */
  char *name;
  GArray *seeds;        /* of guint64, at least one */
  GPtrArray *run;       /* of StudyOption: the same in every cell */
  GPtrArray *grid;      /* of StudyOption: a list each */
  const Settings *base; /* what was set beside the file and goes before it; NULL: nothing */
} Study;

/* One of a single point, which has the base's settings, and of so many seeds from the base's on. */
Study *study_of_one(const char *name, const Settings *base, guint n_seeds);

Study *study_read(const char *path, GError **error);
void study_free(Study *study);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Study, study_free)

/* FALSE with an error where an output would replace the study's file, or one that it names. */
gboolean study_check_outputs(const Study *study, const NamedFile *outputs, guint n_outputs,
                             GError **error);

guint study_points(const Study *study);
/* The place of a point (from 0) in the option's list; the last option changes fastest. */
guint study_choice(const Study *study, guint point, guint option);
/* The settings of a cell; seed: its place in `seeds`. */
Settings *study_settings(const Study *study, guint point, guint seed);
