/* The file of settings that a server's command line names: --config of vLLM and SGLang,
 * --extra_llm_api_options of TensorRT-LLM. */
#pragma once

#include "server_taken.h"

/* Takes the file's settings as if they were flags. A flag goes before the file; under TensorRT-LLM,
 * whose file "overwrites the parameters specified by trtllm-serve", it is the other way round. A
 * file that is not here is noted. FALSE with an error for what no server takes. */
gboolean server_config_read(ServerArgs *args, const char *name, GError **error);
