/* Checks that a run does not write over its own files, before anything is opened. */
#pragma once

#include "output_file.h"
#include "settings.h"

/* FALSE with an error if the run would write over a file that it reads, or two outputs into one
 * file. */
gboolean settings_check_files(const Settings *settings, GError **error);
/* The same for a verb with outputs of its own; it reads the files of the settings and `inputs`. */
gboolean settings_check_outputs(const Settings *settings, const NamedFile *outputs, guint n_outputs,
                                const NamedFile *inputs, guint n_inputs, GError **error);
