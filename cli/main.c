/* spillway: all that needs no GPU; verbs that do start spillway-gpu. */
#include "program.h"

static const Program spillway = {
    .name = "spillway",
    .about =
        "Replays traces of requests through the schedulers of LLM serving engines and says what\n"
        "happens, and what it costs, when the KV cache overflows.\n",
    .examples =
        "  spillway compare --model llama-2-7b --device a100-40gb --trace demo --kv-memory 12%\n"
        "  spillway crossover --model llama-2-7b --device a100-40gb\n"
        "  spillway list devices\n",
    .commands = commands,
};

int
main(int argc, char **argv)
{
  return program_main(&spillway, argc, argv);
}
