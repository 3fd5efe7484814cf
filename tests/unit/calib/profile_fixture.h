/* Random profiles, and a folder to write them to. */
#pragma once

#include "calib/profile.h"

typedef struct {
  char *folder, *db, *csv;
} ProfileFixture;

/* For g_test_add(). Nothing but the two files may be left in the folder. */
void profile_fixture_set_up(ProfileFixture *fixture, gconstpointer data);
void profile_fixture_tear_down(ProfileFixture *fixture, gconstpointer data);

/* With texts that a CSV line, a head line, or SQL might trip over. The caller frees it. */
Profile *random_profile(guint n_samples);
/* The text form; the caller frees it. */
char *profile_fixture_text(const Profile *profile);
void assert_same_profile(const Profile *a, const Profile *b);
