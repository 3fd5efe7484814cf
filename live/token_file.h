/* Files of prompts' token ids (token_source.h has the form). */
#pragma once

#include "sim/workload.h"

#define TOKEN_FILE_ERROR (token_file_error_quark())
GQuark token_file_error_quark(void);
typedef enum { TOKEN_FILE_ERROR_INPUT } TokenFileError;

/* A GArray of gint32 for each request, in the workload's order; free with g_ptr_array_unref(). NULL
 * and an error that names the line where the file does not fit the workload or the vocabulary. */
GPtrArray *token_file_read(const char *path, const Workload *workload, guint32 vocab,
                           GError **error);
