/* How servers of public benchmark dumps (InferenceMAX) were started, by the scripts that started
 * them: benchmarks/ in SemiAnalysisAI/InferenceX, whose names the tables in dump.c give.
 */
#pragma once

#include "point.h"

gboolean server_dump_has(const char *id);
/* Whether a script gave the server KV in fp8. */
gboolean server_dump_has_fp8_kv(const ServerPoint *point);
/* The engine's version, where the table does not say it and what started the server does. */
const char *server_dump_version(const ServerPoint *point, const char *engine, const char *version);
/* Sets what the script gave beside KV and lengths, as far as it is simulated. */
void server_dump_set(ServerPoint *point, guint isl, guint osl, const char *version);
