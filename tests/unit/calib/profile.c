/* Profiles in files: random ones come back as they went, in both forms and by the same bytes; what
 * is damaged, foreign, newer or incomplete is refused with a message that helps; and a large one
 * takes seconds at most. */
#include "calib/store/database.h"
#include "calib/store/text.h"
#include "calib/store/read.h"
#include "calib/store/sniff.h"
#include "tests/unit/calib/profile_fixture.h"

#include <glib/gstdio.h>
#include <math.h>
#include <sqlite3.h>
#include <string.h>
#include <time.h>

static void
test_round_trips(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  for (guint i = 0; i < 60; i++) {
    g_autoptr(Profile) profile = random_profile((guint)g_test_rand_int_range(1, 60));
    g_autoptr(GError) error = NULL;
    g_assert_true(profile_store_write(profile, fixture->db, &error));
    g_assert_no_error(error);
    g_assert_true(profile_text_write(profile, fixture->csv, &error));
    g_assert_no_error(error);
    g_autoptr(Profile) stored = profile_read(fixture->db, &error);
    g_assert_no_error(error);
    g_autoptr(Profile) written = profile_read(fixture->csv, &error);
    g_assert_no_error(error);
    assert_same_profile(profile, stored);
    assert_same_profile(profile, written);
  }
}

static void
test_compressed(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  g_autofree char *path = g_strconcat(fixture->csv, ".gz", NULL);
  g_autoptr(Profile) profile = random_profile(500);
  g_autoptr(GError) error = NULL;
  g_autofree char *bytes = NULL;
  gsize n_bytes;

  g_assert_true(profile_text_write(profile, path, &error));
  g_autoptr(Profile) again = profile_read(path, &error);
  g_assert_no_error(error);
  assert_same_profile(profile, again);
  g_assert_true(profile_file_sniff(path));
  g_assert_true(g_file_get_contents(path, &bytes, &n_bytes, NULL));
  g_assert_true(g_file_set_contents(path, bytes, (gssize)n_bytes / 2, NULL));
  g_assert_null(profile_read(path, &error));
  g_assert_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED);
  g_unlink(path);
}

/* The error's kind, and that its message has `expected`. */
static void
assert_refused(const char *path, ProfileError code, const char *expected)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) profile = profile_read(path, &error);

  g_assert_null(profile);
  g_assert_error(error, PROFILE_ERROR, (int)code);
  if (strstr(error->message, expected) == NULL)
    g_error("found '%s', expected '%s'", error->message, expected);
}

static void
write_small(const char *path)
{
  g_autoptr(Profile) profile = random_profile(200);
  g_autoptr(GError) error = NULL;

  g_assert_true(profile_store_write(profile, path, &error));
  g_assert_no_error(error);
}

static void
run_sql(const char *path, const char *sql)
{
  sqlite3 *db;

  g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
  g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close(db);
}

static void
test_refused_databases(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  static const struct {
    const char *sql;
    ProfileError code;
    const char *expected;
  } cases[] = {
      {"UPDATE meta SET value = 2 WHERE key = 'format'", PROFILE_ERROR_NEWER, "format 2"},
      {"DELETE FROM meta WHERE key = 'format'", PROFILE_ERROR_FOREIGN, "profile import"},
      {"PRAGMA application_id = 1", PROFILE_ERROR_FOREIGN, "not a profile"},
      {"DROP TABLE sample", PROFILE_ERROR_DAMAGED, "no table sample"},
      {"DROP TABLE origin", PROFILE_ERROR_DAMAGED, "no table origin"},
      {"DROP TABLE meta", PROFILE_ERROR_DAMAGED, "no such table: meta"},
      {"DELETE FROM sample", PROFILE_ERROR_INCOMPLETE, "spillway calibrate"},
      {"DELETE FROM sample WHERE rowid = 3", PROFILE_ERROR_DAMAGED, "has 199"},
      {"UPDATE sample SET median_ns = median_ns * 1.5, p90_ns = p90_ns * 2 WHERE rowid = 3",
       PROFILE_ERROR_DAMAGED, "values"},
      {"UPDATE sample SET median_ns = -1 WHERE rowid = 3", PROFILE_ERROR_DAMAGED, "not a time"},
      {"UPDATE sample SET p10_ns = median_ns * 1.5 WHERE rowid = 3", PROFILE_ERROR_DAMAGED,
       "not in that order"},
      {"UPDATE sample SET p90_ns = median_ns / 2 WHERE rowid = 3", PROFILE_ERROR_DAMAGED,
       "not in that order"},
      {"UPDATE sample SET origin = 99 WHERE rowid = 3", PROFILE_ERROR_DAMAGED, "origin"},
      {"UPDATE sample SET operation = 'x' WHERE rowid = 3", PROFILE_ERROR_DAMAGED, "operation"},
      {"DELETE FROM origin", PROFILE_ERROR_DAMAGED, "origin"},
      {"DELETE FROM meta WHERE key = 'device'", PROFILE_ERROR_INCOMPLETE, "--device"},
      {"UPDATE meta SET value = '' WHERE key = 'name'", PROFILE_ERROR_INCOMPLETE, "--name"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(Profile) profile = random_profile(200);
    while (profile->samples->len != 200) { /* some random ones have equal keys */
      profile_free(profile);
      profile = random_profile(200);
    }
    g_assert_true(profile_store_write(profile, fixture->db, NULL));
    run_sql(fixture->db, cases[i].sql);
    assert_refused(fixture->db, cases[i].code, cases[i].expected);
    g_unlink(fixture->db);
  }
}

/* As earlier programs wrote it, and with one that does not fit: the digest decides. */
static void
test_databases_without_crc(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  static const char *const changes[] = {"DELETE FROM meta WHERE key = 'crc32'",
                                        "UPDATE meta SET value = 1 WHERE key = 'crc32'"};
  g_autoptr(Profile) profile = random_profile(50);

  for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
    g_assert_true(profile_store_write(profile, fixture->db, NULL));
    run_sql(fixture->db, changes[i]);
    g_autoptr(Profile) read = profile_read(fixture->db, NULL);
    assert_same_profile(profile, read);
    run_sql(fixture->db,
            "UPDATE sample SET median_ns = median_ns + 1, p90_ns = p90_ns + 1 WHERE rowid = 1");
    assert_refused(fixture->db, PROFILE_ERROR_DAMAGED, "not those that were written");
    g_unlink(fixture->db);
  }
}

/* Cut anywhere, or with a byte changed anywhere, it is refused or, where that byte means nothing,
 * read as it was; never read as something else. */
static void
test_damaged_databases(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(Profile) profile = random_profile(200);
  g_autofree char *bytes = NULL;
  gsize n_bytes;

  g_assert_true(profile_store_write(profile, fixture->db, NULL));
  g_assert_true(g_file_get_contents(fixture->db, &bytes, &n_bytes, NULL));
  for (guint i = 0; i < 60; i++) {
    g_autoptr(GError) error = NULL;
    gsize n = (gsize)g_test_rand_int_range(1, (int)n_bytes);
    g_assert_true(g_file_set_contents(fixture->db, bytes, (gssize)n, NULL));
    g_assert_null(profile_read(fixture->db, &error));
    g_assert_nonnull(error);
  }
  for (guint i = 0; i < 200; i++) {
    gsize at = (gsize)g_test_rand_int_range(0, (int)n_bytes);
    char before = bytes[at];
    bytes[at] = (char)(before ^ (1 << g_test_rand_int_range(0, 8)));
    g_assert_true(g_file_set_contents(fixture->db, bytes, (gssize)n_bytes, NULL));
    g_autoptr(Profile) read = profile_read(fixture->db, NULL);
    if (read != NULL)
      assert_same_profile(profile, read);
    bytes[at] = before;
  }
}

static void
test_refused_files(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Profile) profile = random_profile(3);

  assert_refused(fixture->db, PROFILE_ERROR_OPEN, "No such file");
  assert_refused(fixture->folder, PROFILE_ERROR_OPEN, "folder");
  g_assert_true(g_file_set_contents(fixture->db, "", 0, NULL));
  assert_refused(fixture->db, PROFILE_ERROR_FOREIGN, "profile import");
  g_assert_true(profile_store_write(profile, fixture->db, &error)); /* an empty one may go */
  g_unlink(fixture->db);

  run_sql(fixture->db, "CREATE TABLE t (x)");
  assert_refused(fixture->db, PROFILE_ERROR_FOREIGN, "profile import");
  g_assert_false(profile_store_write(profile, fixture->db, &error));
  g_assert_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE);
  g_clear_error(&error);
  g_assert_false(profile_text_write(profile, fixture->db, &error));
  g_assert_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE);
  g_clear_error(&error);
  g_assert_false(profile_store_write(profile, fixture->folder, &error));
  g_assert_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE);
  g_clear_error(&error);
  g_assert_false(profile_store_write(profile, "/nowhere/p.db", &error));
  g_assert_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE);
}

#define HEAD                                                                                       \
  "# spillway-profile 1\n# name: n\n# device: d\n# origin 0 source: s\n"                           \
  "operation,dtype,shape,median_ns,origin\n"

static void
test_refused_texts(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  static const struct {
    const char *text;
    ProfileError code;
    const char *expected;
  } cases[] = {
      {"operation,shape\n", PROFILE_ERROR_FOREIGN, ":1:1:"},
      {"# spillway-profile 2\n", PROFILE_ERROR_NEWER, ":1:20:"},
      {"# spillway-profile x\n", PROFILE_ERROR_FOREIGN, ":1:1:"},
      {"# spillway-profile 1\n# colour: red\n", PROFILE_ERROR_VALUE, ":2:3: found 'colour'"},
      {"# spillway-profile 1\n# origin 1 source: s\n", PROFILE_ERROR_VALUE, ":2:1:"},
      {"# spillway-profile 1\n# origin 0 sauce: s\n", PROFILE_ERROR_VALUE, "'sauce'"},
      {"# spillway-profile 1\n# just words\n", PROFILE_ERROR_VALUE, "KEY: VALUE"},
      {"# spillway-profile 1\noperation,shape\n", PROFILE_ERROR_VALUE, "median_ns is missing"},
      {"# spillway-profile 1\noperation,shape,median_ns,size\n", PROFILE_ERROR_VALUE, ":2:27:"},
      {"# spillway-profile 1\noperation,operation\n", PROFILE_ERROR_VALUE, "twice"},
      {HEAD, PROFILE_ERROR_INCOMPLETE, "no measurements"},
      {HEAD "gem,,m=1;n=1;k=1,5,0\n", PROFILE_ERROR_VALUE, ":6:1: found 'gem'"},
      {HEAD "gemm,,m=1;n=1,5,0\n", PROFILE_ERROR_VALUE, ":6:7: gemm lacks the shape field k"},
      {HEAD "gemm,,m=1;n=1;k=1;q=1,5,0\n", PROFILE_ERROR_VALUE, ":6:19: gemm has no"},
      {HEAD "gemm,,m=1;n=1;k=1;k=1,5,0\n", PROFILE_ERROR_VALUE, "twice"},
      {HEAD "gemm,,m=1;n=-1;k=1,5,0\n", PROFILE_ERROR_VALUE, ":6:13: n: found '-1'"},
      {HEAD "gemm,,m;n=1;k=1,5,0\n", PROFILE_ERROR_VALUE, "FIELD=NUMBER"},
      {HEAD "gemm,,m=1;n=1;k=1,fast,0\n", PROFILE_ERROR_VALUE, ":6:19: median_ns: found 'fast'"},
      {HEAD "gemm,,m=1;n=1;k=1,nan,0\n", PROFILE_ERROR_VALUE, "found 'nan'"},
      {HEAD "gemm,,m=1;n=1;k=1,0x10,0\n", PROFILE_ERROR_VALUE, "found '0x10'"},
      {HEAD "gemm,,m=1;n=1;k=1,1e999,0\n", PROFILE_ERROR_VALUE, "found '1e999'"},
      {HEAD "gemm,,m=1;n=1;k=1,0,0\n", PROFILE_ERROR_VALUE, "not a time"},
      {HEAD "gemm,,m=1;n=1;k=1,,0\n", PROFILE_ERROR_VALUE, "found ''"},
      {HEAD "gemm,,m=1;n=1;k=1,5,1\n", PROFILE_ERROR_VALUE, ":6:21: origin: found '1'"},
      {HEAD "gemm,,m=1;n=1;k=1,5\n", PROFILE_ERROR_VALUE, "found 4 columns"},
      {HEAD "gemm,\"x,m=1;n=1;k=1,5,0\n", PROFILE_ERROR_VALUE, ":6:6: the quote"},
      {"# samples: 2\n", PROFILE_ERROR_FOREIGN, ":1:1:"},
      {"# spillway-profile 1\n# name: n\n# samples: 2\n# origin 0 source: s\n"
       "operation,shape,median_ns\ngemm,m=1;n=1;k=1,5\n",
       PROFILE_ERROR_DAMAGED, "after 1 of 2 rows"},
      {"# spillway-profile 1\n# name: n\noperation,shape,median_ns\ngemm,m=1;n=1;k=1,5\n",
       PROFILE_ERROR_VALUE, "origin"},
      {"# spillway-profile 1\n# name: n\n# origin 0 source: s\noperation,shape,median_ns\n"
       "gemm,m=1;n=1;k=1,5\n",
       PROFILE_ERROR_INCOMPLETE, "--device"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_assert_true(g_file_set_contents(fixture->csv, cases[i].text, -1, NULL));
    assert_refused(fixture->csv, cases[i].code, cases[i].expected);
  }
}

/* A text that ends early is refused, whatever the line it ends in. */
static void
test_cut_texts(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(Profile) profile = random_profile(40);
  g_autofree char *text = profile_fixture_text(profile);

  for (gsize n = 0; n + 1 < strlen(text); n += 7) {
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(fixture->csv, text, (gssize)n, NULL));
    g_autoptr(Profile) cut = profile_read(fixture->csv, &error);
    if (cut != NULL) /* only the last row's origin may lose digits */
      g_assert_cmpuint(cut->samples->len, ==, profile->samples->len);
    else
      g_assert_nonnull(error);
  }
}

static void
test_checks_saved(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  g_autoptr(GArray) results = g_array_new(FALSE, FALSE, sizeof(ProfileCheckResult));
  ProfileCheckResult result = {
      .operation = OP_GEMM, .variant = "", .dtype = "fp8", .n = 7, .median = 0.01, .p95 = 0.05};
  g_autoptr(GError) error = NULL;

  write_small(fixture->db);
  g_array_append_val(results, result);
  for (guint i = 0; i < 2; i++) { /* the second replaces the first */
    g_assert_true(profile_store_save_checks(fixture->db, "held-out", results, &error));
    g_assert_no_error(error);
  }
  g_autoptr(Profile) profile = profile_read(fixture->db, &error);
  g_assert_no_error(error);
}

static Profile *
large_profile(guint n)
{
  Profile *profile = profile_new("large", "h100-sxm");

  profile_add_origin(profile, &(ProfileOrigin){.source = "test"});
  for (guint i = 0; i < n; i++) {
    ProfileSample sample = {.operation = OP_GEMM,
                            .dtype = i % 2 ? "bfloat16" : "fp8",
                            .kernel = "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64",
                            .shape = {i, 4096, 4096},
                            .median_ns = i * 1.37 + 1000.1,
                            .p10_ns = i * 1.31 + 1000.1,
                            .p90_ns = i * 1.43 + 1000.1};
    profile_add(profile, &sample);
  }
  profile_seal(profile);
  return profile;
}

/* Of this process' processor time since `since`, which becomes now. */
static double
passed_s(clock_t *since)
{
  clock_t before = *since;

  *since = clock();
  return (double)(*since - before) / CLOCKS_PER_SEC;
}

static void
test_large(ProfileFixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
  enum { SAMPLES = 300000, MOST_S = 20 }; /* of processor time, in a sanitizer's build, too */
  g_autoptr(Profile) profile = large_profile(SAMPLES);
  clock_t since = clock();
  double seconds[4];

  g_assert_true(profile_store_write(profile, fixture->db, NULL));
  seconds[0] = passed_s(&since);
  g_autoptr(Profile) stored = profile_read(fixture->db, NULL);
  seconds[1] = passed_s(&since);
  g_assert_true(profile_text_write(profile, fixture->csv, NULL));
  seconds[2] = passed_s(&since);
  g_autoptr(Profile) written = profile_read(fixture->csv, NULL);
  seconds[3] = passed_s(&since);
  g_test_message(
      "%d samples: database written %.2f s, read %.2f s; text written %.2f s, read %.2f s", SAMPLES,
      seconds[0], seconds[1], seconds[2], seconds[3]);
  for (guint i = 0; i < G_N_ELEMENTS(seconds); i++)
    g_assert_cmpfloat(seconds[i], <, MOST_S);
  assert_same_profile(profile, stored);
  assert_same_profile(profile, written);
}

int
main(int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*test)(ProfileFixture *fixture, gconstpointer data);
  } tests[] = {
      {"/profile/round-trips", test_round_trips},
      {"/profile/compressed", test_compressed},
      {"/profile/refused-databases", test_refused_databases},
      {"/profile/databases-without-crc", test_databases_without_crc},
      {"/profile/damaged-databases", test_damaged_databases},
      {"/profile/refused-files", test_refused_files},
      {"/profile/refused-texts", test_refused_texts},
      {"/profile/cut-texts", test_cut_texts},
      {"/profile/checks-saved", test_checks_saved},
      {"/profile/large", test_large},
  };

  g_test_init(&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS(tests); i++)
    g_test_add(tests[i].name, ProfileFixture, NULL, profile_fixture_set_up, tests[i].test,
               profile_fixture_tear_down);
  return g_test_run();
}
