/* Checks of output files before anything is opened. */
#pragma once

#include <glib.h>

typedef struct {
  const char *name; /* of the option, for messages */
  const char *path; /* NULL: not given */
} NamedFile;

/* FALSE with an error if an output is an input, or two outputs are one file, even by two names. */
gboolean output_file_check(const NamedFile *outputs, guint n_outputs, const NamedFile *inputs,
                           guint n_inputs, GError **error);
/* FALSE with an error if the folder of an output does not exist. */
gboolean output_file_check_folder(const char *path, const char *option, GError **error);
/* The same for a page; its name must not have the ending of another kind of file. */
gboolean output_file_check_page(const char *path, const char *option, GError **error);
