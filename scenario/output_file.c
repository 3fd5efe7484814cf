#include "output_file.h"

#include "files/output.h"

gboolean
output_file_check_folder(const char *path, const char *option, GError **error)
{
  g_autofree char *folder = g_path_get_dirname(path);

  if (g_file_test(folder, G_FILE_TEST_IS_DIR))
    return TRUE;
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
              "%s: %s cannot be written: there is no folder %s", option, path, folder);
  return FALSE;
}

gboolean
output_file_check_page(const char *path, const char *option, GError **error)
{
  const char *other = output_other_kind(path, ".html");

  if (other == NULL)
    return output_file_check_folder(path, option, error);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "%s: found '%s', expected an HTML file's name, such as page.html, not %s", option,
              path, other);
  return FALSE;
}

/* "-" is standard input or output. */
static gboolean
is_same(const NamedFile *a, const NamedFile *b)
{
  return a->path != NULL && b->path != NULL && !g_str_equal(a->path, "-") &&
         !g_str_equal(b->path, "-") && output_is_same(a->path, b->path);
}

gboolean
output_file_check(const NamedFile *outputs, guint n_outputs, const NamedFile *inputs,
                  guint n_inputs, GError **error)
{
  for (guint i = 0; i < n_outputs; i++) {
    for (guint j = 0; j < n_inputs; j++)
      if (is_same(&outputs[i], &inputs[j])) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s: %s is what is read, too, and was not replaced; name another file",
                    outputs[i].name, outputs[i].path);
        return FALSE;
      }
    for (guint j = i + 1; j < n_outputs; j++)
      if (is_same(&outputs[i], &outputs[j])) {
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
                    "%s and %s: both would write %s; name another file for one of them",
                    outputs[i].name, outputs[j].name, outputs[j].path);
        return FALSE;
      }
  }
  return TRUE;
}
