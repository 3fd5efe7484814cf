/* Profiles, traces and digests of files, each read once for many runs of one program.
 *
 * The shelf owns what a lookup returns, unless its comment says otherwise. Processes that are
 * forked after the reading share the memory.
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

/* As resolve_costs(), but only the device is the caller's. *digest: of the profile's file; NULL:
 * there is no profile. */
gboolean shelf_costs(Shelf *shelf, const char *text, Device **device, Profile **profile,
                     const char **digest, GError **error);

/* Keeps a note about one of the runs, `kind` before its text, once for all that have it. */
void shelf_note(Shelf *shelf, const char *kind, const char *text);
/* Prints the notes to standard error, in the order in which they came; of more than a dozen the
 * first, and how many there are. */
void shelf_tell_notes(const Shelf *shelf, const char *verb);

/* SHA-256 of a file's bytes, in hexadecimal; NULL with an error if it cannot be read. */
const char *shelf_file_digest(Shelf *shelf, const char *path, GError **error);

/* Reads the trace that the settings name, whole and unscaled, so that shelf_workload() copies from
 * it; notes about it go to standard error. Errors are left to shelf_workload(). Does nothing for a
 * generated trace, or at a second call for the same one. */
void shelf_read_trace(Shelf *shelf, const Settings *settings, const char *verb);

/* The requests that the settings ask for; NULL with an error. Valid until the next call; a call for
 * the same ones costs nothing. */
const Workload *shelf_workload(Shelf *shelf, const Settings *settings, GError **error);
