#include "profile_fixture.h"

#include "calib/store/text.h"

#include <glib/gstdio.h>
#include <math.h>

void
profile_fixture_set_up(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  fixture->folder = g_dir_make_tmp("spillway-profile-XXXXXX", NULL);
  fixture->db = g_build_filename(fixture->folder, "p.db", NULL);
  fixture->csv = g_build_filename(fixture->folder, "p.csv", NULL);
}

void
profile_fixture_tear_down(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  g_unlink(fixture->db);
  g_unlink(fixture->csv);
  g_assert_cmpint(g_rmdir(fixture->folder), ==, 0); /* nothing temporary is left */
  g_free(fixture->folder);
  g_free(fixture->db);
  g_free(fixture->csv);
}

/* Texts that a CSV line, a head line, or SQL might trip over. */
static const char *const texts[] = {"",           "bfloat16",    "a,b",          "say \"no\"",
                                    "two\nlines", "back\\slash", "# not a head", " spaced out ",
                                    "a;b=c",      "f\xc3\xbcr",  "'quoted'",     "\r",
                                    "\"",         "\\n"};

static const char *
random_text(void)
{
  return texts[g_test_rand_int_range(0, G_N_ELEMENTS(texts))];
}

static double
random_time(void)
{
  switch (g_test_rand_int_range(0, 4)) {
  case 0:
    return g_test_rand_int_range(1, 1 << 30);
  case 1:
    return g_test_rand_int_range(1, 1 << 20) / 1000.;
  case 2:
    return exp(g_test_rand_double_range(-30, 34));
  default:
    return g_test_rand_double_range(1, 1e6);
  }
}

static ProfileSample
random_sample(guint n_origins)
{
  ProfileSample sample = {
      .operation = (guint8)g_test_rand_int_range(0, OPERATIONS),
      .derived = g_test_rand_bit(),
      .origin = (guint16)g_test_rand_int_range(0, (int)n_origins),
      .count = g_test_rand_bit() ? 0 : (guint32)g_test_rand_int(),
      .dtype = random_text(),
      .kernel = random_text(),
      .median_ns = random_time(),
  };

  sample.variant = operations[sample.operation].has_variant ? random_text() : "";
  if (g_test_rand_bit()) {
    const double p10 = random_time(), p90 = random_time();
    sample.p10_ns = MIN(p10, sample.median_ns);
    sample.p90_ns = MAX(p90, sample.median_ns);
  }
  for (guint i = 0; i < operation_n_shape(sample.operation); i++)
    sample.shape[i] = g_test_rand_bit() ? g_test_rand_int_range(0, 4)
                                        : (gint64)g_test_rand_int_range(0, G_MAXINT32) << 9;
  return sample;
}

Profile *
random_profile(guint n_samples)
{
  Profile *profile = profile_new("a name", "h100-sxm");
  guint n_origins = (guint)g_test_rand_int_range(1, 12);

  profile_add_note(profile, "%s", random_text());
  for (guint i = 0; i < n_origins; i++) {
    ProfileOrigin origin;
    for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
      profile_origin_set(&origin, field, random_text());
    profile_add_origin(profile, &origin);
  }
  for (guint i = 0; i < n_samples; i++) {
    ProfileSample sample = random_sample(n_origins);
    profile_add(profile, &sample);
  }
  profile_seal(profile);
  return profile;
}

char *
profile_fixture_text(const Profile *profile)
{
  GString *text = g_string_new(NULL);

  profile_text_append(profile, text);
  return g_string_free(text, FALSE);
}

void
assert_same_profile(const Profile *a, const Profile *b)
{
  g_autofree char *text_a = profile_fixture_text(a), *text_b = profile_fixture_text(b);
  g_autofree char *digest_a = profile_digest(a), *digest_b = profile_digest(b);

  g_assert_cmpstr(text_a, ==, text_b);
  g_assert_cmpstr(digest_a, ==, digest_b);
}
