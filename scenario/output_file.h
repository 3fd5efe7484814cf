/* Files that are to be written. */
#pragma once

#include <glib.h>

typedef struct {
  const char *name; /* of the option, for messages */
  const char *path; /* NULL: not given */
} NamedFile;

/* FALSE with an error where an output is an input, or two outputs are one file, by whatever names.
 * To be asked before anything is opened. */
gboolean output_file_check(const NamedFile *outputs, guint n_outputs, const NamedFile *inputs,
                           guint n_inputs, GError **error);
/* FALSE with an error where the file that is to be written would lie in a folder that is not there.
 */
gboolean output_file_check_folder(const char *path, const char *option, GError **error);
/* The same of a page, whose name must not be that of another kind of file. */
gboolean output_file_check_page(const char *path, const char *option, GError **error);
