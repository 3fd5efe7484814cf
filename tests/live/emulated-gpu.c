/* The verbs live and validate of spillway-gpu, on an emulated GPU: live.py runs it. */
#include "config.h"

#include "cli/live.h"
#include "cli/program.h"

static int
command_live_emulated(int argc, char **argv)
{
  return live_verb(argc, argv, &live_device_gpu);
}

static int
command_validate_emulated(int argc, char **argv)
{
  return validate_verb(argc, argv, &live_device_gpu);
}

static const Command emulated_commands[] = {
    {"live", "as spillway-gpu's", command_live_emulated},
    {"validate", "as spillway-gpu's", command_validate_emulated},
    {NULL, NULL, NULL},
};

static const Program emulated_gpu = {
    .name = "emulated-gpu",
    .about = "What spillway-gpu computes, on an emulated GPU.\n",
    .examples = "",
    .commands = emulated_commands,
};

int
main(int argc, char **argv)
{
  return program_main(&emulated_gpu, argc, argv);
}
