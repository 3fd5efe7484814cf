/* A disk that KV blocks go on to when the host is full: its rates and latencies.
 *
 * Read from a key file (calib/disks/NAME.ini): [disk] with `format=1`, a `title` and the
 * `queue_depth`, how many transfers are kept in flight; [read] and [write] with `bytes_per_s`, the
 * sequential rate with enough in flight, and `latency_us`, of a transfer alone before its bytes.
 */
#pragma once

#include "figure_file.h"
#include "sim/disk.h"

#define DISK_FORMAT 1
#define DISK_DEFAULT "nvme-pcie4"

typedef struct {
  char *name, *title;
  double queue_depth;
  double read_bytes_per_s, write_bytes_per_s;
  double read_latency_ps, write_latency_ps;
} DiskFigures;

/* The caller frees it. `name` is what it will be called. */
DiskFigures *disk_figures_read(const char *path, const char *name, GError **error);
void disk_figures_free(DiskFigures *figures);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskFigures, disk_figures_free)

/* What transfers of blocks of that size take. */
Disk disk_figures_times(const DiskFigures *figures, guint64 block_bytes);
