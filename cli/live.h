/* What `run` and `live` share, and the verbs of programs that have a GPU. */
#pragma once

#include "live/device.h"
#include "scenario/settings.h"

/* Runs one scenario from settings that are parsed, prints its summary and returns the exit status.
 * gpu: the GPU's device, NULL in a program that has none. */
int run_settings(const Settings *settings, const char *verb, const LiveDeviceClass *gpu);

/* `live` and `validate`; with gpu NULL, --executor gpu starts spillway-gpu. */
int live_verb(int argc, char **argv, const LiveDeviceClass *gpu);
int validate_verb(int argc, char **argv, const LiveDeviceClass *gpu);

/* Sets the executor of these verbs: gpu, or cpu where --executor says so. With gpu NULL starts
 * spillway-gpu with `words`, the command line. FALSE where the verb returns *status, after a
 * message: another executor was named, there is no GPU, or spillway-gpu could not be started. */
gboolean live_choose(Settings *settings, const char *verb, char **words, const LiveDeviceClass *gpu,
                     int *status);

/* FALSE where there is no GPU: says so, and sets the exit status. */
gboolean live_gpu_is_there(const LiveDeviceClass *gpu, const char *verb, int *status);
