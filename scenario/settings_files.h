/* The files that a run reads and writes, held against each other. */
#pragma once

#include "settings.h"

/* FALSE with an error where the run would write over what it reads, or two of its outputs over each
 * other. To be asked before anything is opened. */
gboolean settings_check_files(const Settings *settings, GError **error);
