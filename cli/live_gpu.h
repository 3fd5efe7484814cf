/* `live` and `validate` of spillway-gpu, for its table of verbs. */
#pragma once

int command_live_gpu(int argc, char **argv);
int command_validate_gpu(int argc, char **argv);
