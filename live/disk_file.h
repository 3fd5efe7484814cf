/* The disk tier of a live run: a file of blocks without a name, in TMPDIR, gone with the run. */
#pragma once

#include <glib.h>

typedef struct DiskFile DiskFile;

/* A sparse file of num_blocks blocks. NULL and an error where it cannot be made. */
DiskFile *disk_file_open(guint32 num_blocks, gsize block_bytes, GError **error);
void disk_file_close(DiskFile *file);
/* Whole blocks at once. FALSE and a LIVE_ERROR_COPY that names the block where the file fails. */
gboolean disk_file_write(DiskFile *file, gint32 block, const char *bytes, GError **error);
gboolean disk_file_read(DiskFile *file, gint32 block, char *bytes, GError **error);
