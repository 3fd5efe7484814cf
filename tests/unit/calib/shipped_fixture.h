/* Shipped devices and models for the tests, from the source tree. */
#pragma once

#include "calib/devices/device.h"
#include "sim/model.h"

enum { SHIPPED_DEVICES = 14 };
extern const char *const shipped_device_names[SHIPPED_DEVICES];

/* The path of FOLDER/NAMESUFFIX in the source tree. The caller frees it. */
char *source_path(const char *folder, const char *name, const char *suffix);

/* The caller frees both. */
Device *shipped_device(const char *name);
Model *shipped_model(const char *name);
