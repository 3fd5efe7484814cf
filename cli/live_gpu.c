/* The verbs of spillway-gpu that compute on the GPU. */
#include "live_gpu.h"

#include "live.h"

int
command_live_gpu(int argc, char **argv)
{
  return live_verb(argc, argv, &live_device_gpu);
}

int
command_validate_gpu(int argc, char **argv)
{
  return validate_verb(argc, argv, &live_device_gpu);
}
