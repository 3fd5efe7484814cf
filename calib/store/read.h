/* A profile of either form. Errors are of file.h. */
#pragma once

#include "file.h"

/* The profile of a file in either form, sealed. The caller frees it. */
Profile *profile_read(const char *path, GError **error);
