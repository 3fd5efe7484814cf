/* Files of token ids: the prompts that go in (token_source.h has the form) and the outputs that
 * come out. */
#pragma once

#include "sim/workload.h"

#define TOKEN_FILE_ERROR (token_file_error_quark())
GQuark token_file_error_quark(void);
typedef enum { TOKEN_FILE_ERROR_INPUT } TokenFileError;

/* A GArray of gint32 a request, in the workload's order; for g_ptr_array_unref(). */
GPtrArray *token_file_read(const char *path, const Workload *workload, guint32 vocab,
                           GError **error);
