#include "server_start.h"

#include <string.h>

const ServerStart server_starts[SERVER_STARTS] = {
    {"vllm-args", "--vllm-args", "vLLM", NULL, "vllm", "vllm.entrypoints", "vllm-openai",
     vllm_flags, vllm_flags, FALSE},
    {"sglang-args", "--sglang-args", "SGLang", "sglang", "sglang", "sglang.launch_server",
     "lmsysorg/sglang", sglang_flags, sglang_flags, FALSE},
    {"trtllm-args", "--trtllm-args", "TensorRT-LLM", "trtllm", "trtllm-serve",
     "tensorrt_llm.commands", "tensorrt-llm/release", trtllm_flags, trtllm_file_flags, TRUE},
};

/* "sglang", "/opt/bin/vllm". */
static gboolean
is_program(const char *word, const char *program)
{
  gsize behind = strlen(word) - MIN(strlen(word), strlen(program));

  return g_str_equal(word + behind, program) && (behind == 0 || word[behind - 1] == '/');
}

gboolean
server_starts_at(const ServerStart *server, char **words, guint i)
{
  const gboolean is_own = g_str_has_suffix(server->program, "-serve");

  if (g_str_has_prefix(words[i], server->module) || strstr(words[i], server->image) != NULL)
    return TRUE;
  if (g_str_equal(words[i], "serve") && i > 0)
    return is_program(words[i - 1], server->program);
  return is_own ? is_program(words[i], server->program) : g_str_equal(words[i], "serve");
}
