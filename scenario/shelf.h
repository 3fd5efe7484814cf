/* What many runs of one program read from files, each read once: profiles, traces, digests.
 *
 * What a lookup returns is the shelf's unless it says otherwise. Processes that are forked once it
 * is filled share its memory.
 */
#pragma once

#include "calib/devices/device.h"
#include "calib/profile.h"
#include "settings.h"
#include "sim/workload.h"

typedef struct Shelf Shelf;

Shelf *shelf_new(void);
void shelf_free(Shelf *shelf);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Shelf, shelf_free)

/* As resolve_costs(); the device is the caller's. *digest is NULL where there is no profile. */
gboolean shelf_costs(Shelf *shelf, const char *text, Device **device, Profile **profile,
                     const char **digest, GError **error);

/* SHA-256 of a file's bytes, as hexadecimal text. */
const char *shelf_file_digest(Shelf *shelf, const char *path, GError **error);

/* Reads the trace that the settings name, whole and unscaled, if that can be and has not been
 * tried: shelf_workload() then copies from it. Its notes go to standard error. Does nothing with a
 * generated one. */
void shelf_read_trace(Shelf *shelf, const Settings *settings, const char *verb);

/* The requests that the settings ask for. Valid until the next call: the last are kept, and asked
 * for again they are there. */
const Workload *shelf_workload(Shelf *shelf, const Settings *settings, GError **error);
