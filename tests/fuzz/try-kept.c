/* The inputs that fuzzing found, and some of each kind that do well, in tests/fuzz/kept/READER/:
 * none does harm. */
#include "tests/fuzz/reader.h"

static char *
kept_folder(const FuzzReader *reader)
{
  return g_build_filename(SPILLWAY_SRCDIR, "tests", "fuzz", "kept", reader->name, NULL);
}

static void
test_reader(gconstpointer data)
{
  const FuzzReader *reader = data;
  g_autofree char *path = kept_folder(reader);
  g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
  const char *name;

  fuzz_reader_begin(reader);
  fuzz_reader_try(reader, (const guint8 *)"", 0);
  while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *file = g_build_filename(path, name, NULL), *content = NULL;
    gsize bytes;
    g_test_message("%s", file);
    g_assert_true(g_file_get_contents(file, &content, &bytes, NULL));
    fuzz_reader_try(reader, (const guint8 *)content, bytes);
  }
  fuzz_reader_end();
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  for (const FuzzReader *reader = fuzz_readers; reader->name != NULL; reader++) {
    g_autofree char *name = g_strconcat("/fuzz/kept/", reader->name, NULL);
    g_test_add_data_func(name, reader, test_reader);
  }
  return g_test_run();
}
