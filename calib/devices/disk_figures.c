/* The reader of disks' files, called by the command line to resolve --disk. */
#include "disk_figures.h"

#include "sim/units.h"

#include <math.h>
#include <stddef.h>

#define FIELD(member) offsetof(DiskFigures, member)

static const FigureRow rows[] = {
    {"disk", "queue_depth", FIELD(queue_depth), 1, 1, 65536, FALSE},
    {"read", "bytes_per_s", FIELD(read_bytes_per_s), FIGURE_RATE, FALSE},
    {"read", "latency_us", FIELD(read_latency_ps), FIGURE_MICROSECONDS, FALSE},
    {"write", "bytes_per_s", FIELD(write_bytes_per_s), FIGURE_RATE, FALSE},
    {"write", "latency_us", FIELD(write_latency_ps), FIGURE_MICROSECONDS, FALSE},
};

static const char *const texts[] = {"title", NULL};

static const FigureForm form = {.kind = "disk",
                                .format = DISK_FORMAT,
                                .rows = rows,
                                .n_rows = G_N_ELEMENTS(rows),
                                .texts = texts};

void
disk_figures_free(DiskFigures *figures)
{
  if (figures == NULL)
    return;
  g_free(figures->name);
  g_free(figures->title);
  g_free(figures);
}

DiskFigures *
disk_figures_read(const char *path, const char *name, GError **error)
{
  g_autoptr(DiskFigures) figures = g_new0(DiskFigures, 1);
  g_autoptr(FigureFile) file = figure_file_read(path, &form, figures, error);

  if (file == NULL)
    return NULL;
  figures->name = g_strdup(name);
  figures->title = g_key_file_get_string(file->keys, form.kind, "title", NULL);
  if (figures->title == NULL)
    figures->title = g_strdup(name);
  return g_steal_pointer(&figures);
}

static gint64
transfer_ps(double bytes_per_s, guint64 bytes)
{
  return MAX(1, (gint64)llround((double)bytes / bytes_per_s * (double)PS_PER_S));
}

Disk
disk_figures_times(const DiskFigures *figures, guint64 block_bytes)
{
  return (Disk){
      .queue_depth = (guint32)figures->queue_depth,
      .latency_ps = {(gint64)figures->write_latency_ps, (gint64)figures->read_latency_ps},
      .transfer_ps = {transfer_ps(figures->write_bytes_per_s, block_bytes),
                      transfer_ps(figures->read_bytes_per_s, block_bytes)},
  };
}
