#include "import_fixture.h"

#include <glib/gstdio.h>
#include <string.h>

void
set_up(Fixture *fixture, gconstpointer unused)
{
  (void)unused;
  fixture->folder = g_dir_make_tmp("spillway-import-XXXXXX", NULL);
  fixture->profile = profile_new("", "");
}

void
remove_folder(const char *path)
{
  g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *file = g_build_filename(path, name, NULL);
    if (g_file_test(file, G_FILE_TEST_IS_DIR))
      remove_folder(file);
    else
      g_unlink(file);
  }
  g_rmdir(path);
}

void
tear_down(Fixture *fixture, gconstpointer unused)
{
  (void)unused;
  remove_folder(fixture->folder);
  g_free(fixture->folder);
  profile_free(fixture->profile);
}

char *
write_file(const Fixture *fixture, const char *name, const char *content)
{
  char *path = g_build_filename(fixture->folder, name, NULL);
  g_autofree char *parent = g_path_get_dirname(path);
  g_autoptr(GError) error = NULL;

  g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
  g_file_set_contents(path, content, -1, &error);
  g_assert_no_error(error);
  return path;
}

Model *
find_model(const char *name, gpointer data, GError **error)
{
  const char *root = g_getenv("SPILLWAY_SRCDIR"), *slash = strrchr(name, '/');
  g_autofree char *lower = g_ascii_strdown(slash != NULL ? slash + 1 : name, -1);
  g_autofree char *file = g_strconcat(lower, ".json", NULL);
  g_autofree char *path = g_build_filename(root != NULL ? root : ".", "models", file, NULL);

  (void)data;
  return model_config_read(path, lower, error);
}

char *
shared_path(const char *file)
{
  const char *shared = g_getenv("SPILLWAY_SHARED");
  g_autofree char *path = NULL;

  if (shared == NULL) {
    g_test_skip("the published tables do not ship, and are not at hand");
    return NULL;
  }
  path = g_build_filename(shared, "data", "profiles", file, NULL);
  if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_test_skip("the public tables are not there");
    return NULL;
  }
  return g_steal_pointer(&path);
}

void
import(Profile *profile, const char *path, const char *format)
{
  g_autoptr(GError) error = NULL;
  gint64 start_us = g_get_monotonic_time();
  guint before = profile->samples->len;

  profile_import(profile, path, format, &context, &error);
  g_assert_no_error(error);
  g_test_message("%s: %u samples in %.3f s", path, profile->samples->len - before,
                 (double)(g_get_monotonic_time() - start_us) / 1e6);
}

void
import_fails(Fixture *fixture, const char *path, const char *expected)
{
  g_autoptr(GError) error = NULL;
  guint before = fixture->profile->samples->len;

  g_assert_false(profile_import(fixture->profile, path, NULL, &context, &error));
  g_assert_nonnull(error);
  if (strstr(error->message, expected) == NULL)
    g_error("\"%s\" is not in \"%s\"", expected, error->message);
  g_assert_cmpuint(fixture->profile->samples->len, ==, before);
  g_assert_cmpstr(fixture->profile->device, ==, "");
}

const ProfileSample *
find(const Profile *profile, OperationKind kind, const char *variant, const char *dtype,
     const gint64 *shape)
{
  guint n;
  const ProfileSample *samples = profile_samples(profile, kind, &n);

  for (guint i = 0; i < n; i++)
    if (g_str_equal(samples[i].variant, variant) && g_str_equal(samples[i].dtype, dtype) &&
        memcmp(samples[i].shape, shape, operation_n_shape(kind) * sizeof *shape) == 0)
      return &samples[i];
  return NULL;
}

void
expect_ns(const Profile *profile, OperationKind kind, const char *variant, const char *dtype,
          const gint64 *shape, double ns)
{
  const ProfileSample *sample = find(profile, kind, variant, dtype, shape);

  g_assert_nonnull(sample);
  g_assert_cmpfloat_with_epsilon(sample->median_ns, ns, ns * 1e-9);
}

void
expect_count(const Profile *profile, OperationKind kind, guint expected)
{
  guint n;

  profile_samples(profile, kind, &n);
  g_assert_cmpuint(n, ==, expected);
}
