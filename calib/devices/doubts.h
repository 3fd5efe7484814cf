/* Figures of a device that are within every range and yet hardly a card's: a unit mistaken by a
 * thousand, rates with sparsity, gigabytes for gibibytes. Called when a device is a user's file. */
#pragma once

#include "device.h"

/* A sentence for each doubt, NULL-terminated; the caller frees with g_strfreev(). */
char **device_doubts(const Device *device);
