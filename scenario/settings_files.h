/* The files that a run reads and writes, held against each other. */
#pragma once

#include "output_file.h"
#include "settings.h"

/* FALSE with an error where the run would write over what it reads, or two of its outputs over each
 * other. To be asked before anything is opened. */
gboolean settings_check_files(const Settings *settings, GError **error);
/* The same of a verb whose outputs are its own, beside what the settings and its other inputs name.
 */
gboolean settings_check_outputs(const Settings *settings, const NamedFile *outputs, guint n_outputs,
                                const NamedFile *inputs, guint n_inputs, GError **error);
