/* What --model and --device name: shipped ones by name, others by the path of a file. */
#pragma once

#include "calib/device.h"
#include "sim/model.h"

/* A built-in name, or the path of a config.json, or of the folder that holds one. An unknown name's
 * error tells the nearest. The caller frees the model. */
Model *resolve_model(const char *text, GError **error);

/* A shipped device's name, or the path of a device file (.ini). The caller frees the device. */
Device *resolve_device(const char *text, GError **error);
