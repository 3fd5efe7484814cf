/* Copies between the host's pool and the disk's file, beside the steps: the same for every device.
 *
 * A job reads or writes the file when it begins, and lasts as long as that took; bytes from the
 * disk reach the host's pool when it has ended. The host's block must not change while it is copied
 * to the disk, and what is read back must be what was written.
 */
#pragma once

#include "copy_jobs.h"

#include <time.h>

typedef struct DiskCopies DiskCopies;

/* host: the pool, blocks of block_bytes; host_sums: the device's checksum of each of its blocks,
 * which moves with the block, or NULL. Both borrowed. */
typedef struct {
  guint32 num_blocks;
  gsize block_bytes;
  char *host;
  guint64 *host_sums;
  clockid_t clock;
  gint64 copy_ns; /* time of a block's copy; 0: what the file took */
} DiskCopiesSetup;

DiskCopies *disk_copies_new(const DiskCopiesSetup *setup, GError **error);
void disk_copies_free(DiskCopies *copies);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskCopies, disk_copies_free)

/* Begins a job of the plan whose direction is to or from the disk. now_ps: by the run's clock.
 * FALSE where the file fails. */
gboolean disk_copies_begin(DiskCopies *copies, const StepPlan *plan, const CopyJob *job,
                           gint64 now_ps, GError **error);
/* Ends the jobs that are over by now_ps and counts them in `ended`. FALSE where a block was changed
 * while it was copied. */
gboolean disk_copies_end(DiskCopies *copies, gint64 now_ps, CopiesEnded *ended, GError **error);
/* When the next job ends; G_MAXINT64: none is under way. */
gint64 disk_copies_next_end_ps(const DiskCopies *copies);
