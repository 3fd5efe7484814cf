/* `spillway study poster`, as both programs have it. */
#pragma once

#include "live/device.h"

/* argv[0] is "poster". gpu: the GPU's device; NULL in a program that has none, which starts the
 * one that has. */
int poster_verb(int argc, char **argv, const LiveDeviceClass *gpu);
