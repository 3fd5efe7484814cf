/* Copies between the host's pool and the disk's file, beside the steps: the same for every device.
 *
 * Bytes go to the file when a job begins, and into the host's pool when it has ended; what the file
 * took is how long it lasts. What the host's block held must still be there at the end of a job out,
 * and what comes back must be what went.
 */
#pragma once

#include "copy_jobs.h"

#include <time.h>

typedef struct DiskCopies DiskCopies;

/* host: the pool, blocks of block_bytes; host_sums: what the device keeps of each of its blocks,
 * which goes along, or NULL. Borrowed. */
typedef struct {
  guint32 num_blocks;
  gsize block_bytes;
  char *host;
  guint64 *host_sums;
  clockid_t clock;
  gint64 copy_ns; /* a block takes so long; 0: as long as the file does */
} DiskCopiesSetup;

DiskCopies *disk_copies_new(const DiskCopiesSetup *setup, GError **error);
void disk_copies_free(DiskCopies *copies);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskCopies, disk_copies_free)

/* A job of the plan, of the disk's ways, begins. */
gboolean disk_copies_begin(DiskCopies *copies, const StepPlan *plan, const CopyJob *job,
                           gint64 now_ps, GError **error);
/* Adds those of each way that have ended by then. */
gboolean disk_copies_end(DiskCopies *copies, gint64 now_ps, CopiesEnded *ended, GError **error);
gint64 disk_copies_next_end_ps(const DiskCopies *copies);
