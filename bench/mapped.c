/* Reading a binary trace's requests through a window against mapping the file: the same work on the
 * same bytes (checksum, check, unpack into requests of 32 bytes), in turn. Prints the processor's
 * time of each way, and of a plain copy of as many bytes; it is no test and judges nothing.
 *
 *   make bench/mapped && bench/mapped FILE.bin [RUNS]
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sim/workload.h"

enum { WINDOW_BYTES = 1 << 17, MAP_WINDOW_BYTES = 1 << 21, RUNS_MAX = 101 };

typedef struct {
  int fd;
  gsize n_bytes;
  Request *requests; /* n_bytes / 16, in memory that was not used yet */
  gsize n_requests;
  guint64 sum, sum_of_sums;
  gboolean is_bad;
} Reading;

static void
unpack(Reading *r, const guint64 *words, gsize n)
{
  gint64 before_ps = 0;

  for (gsize i = 0; i < n; i++) {
    r->sum += words[i];
    r->sum_of_sums += r->sum;
  }
  for (gsize i = 0; i + 1 < n; i += 2) {
    gint64 arrival_ps = (gint64)words[i];
    r->requests[r->n_requests++] = (Request){.arrival_ps = arrival_ps,
                                             .prompt_tokens = (guint32)words[i + 1],
                                             .output_tokens = (guint32)(words[i + 1] >> 32)};
    r->is_bad |= arrival_ps < before_ps;
    before_ps = arrival_ps;
  }
}

static void
by_window(Reading *r)
{
  g_autofree guint64 *window = g_malloc(WINDOW_BYTES);
  gssize got;

  lseek(r->fd, 0, SEEK_SET);
  while ((got = read(r->fd, window, WINDOW_BYTES)) > 0)
    unpack(r, window, (gsize)got / 16 * 2);
}

static void
map_part(Reading *r, gsize from, gsize n_bytes, int flags)
{
  void *map = mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE | flags, r->fd, (off_t)from);

  if (map == MAP_FAILED)
    g_error("mmap: %s", g_strerror(errno));
  unpack(r, map, n_bytes / 16 * 2);
  munmap(map, n_bytes);
}

static void
by_map(Reading *r)
{
  map_part(r, 0, r->n_bytes, 0);
}

static void
by_populated_map(Reading *r)
{
  map_part(r, 0, r->n_bytes, MAP_POPULATE);
}

static void
by_mapped_windows(Reading *r)
{
  for (gsize from = 0; from < r->n_bytes; from += MAP_WINDOW_BYTES)
    map_part(r, from, MIN(MAP_WINDOW_BYTES, r->n_bytes - from), MAP_POPULATE);
}

static void
by_copy(Reading *r)
{
  static char *source;

  if (source == NULL)
    source = memset(g_malloc(r->n_bytes), 1, r->n_bytes);
  memcpy(r->requests, source, r->n_bytes);
}

static const struct {
  const char *name;
  void (*read)(Reading *r);
} ways[] = {
    {"read through 128 KiB", by_window},        {"mapped, all at once", by_map},
    {"mapped and populated", by_populated_map}, {"mapped, 2 MiB at a time", by_mapped_windows},
    {"plain copy, fresh memory", by_copy},
};

static double
run_s(Reading *r, void (*read)(Reading *r))
{
  gsize room = r->n_bytes * 2 + MAP_WINDOW_BYTES;
  struct timespec start, end;

  r->n_requests = 0;
  r->requests = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (r->requests == MAP_FAILED)
    g_error("mmap: %s", g_strerror(errno));
#ifdef MADV_HUGEPAGE
  (void)madvise(r->requests, room, MADV_HUGEPAGE);
#endif
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
  read(r);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
  munmap(r->requests, room);
  return (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
}

static int
compare(gconstpointer a, gconstpointer b)
{
  const double *x = a, *y = b;

  return (*x > *y) - (*x < *y);
}

int
main(int argc, char **argv)
{
  guint n_runs = argc > 2 ? (guint)CLAMP(atoi(argv[2]), 1, RUNS_MAX) : 11;
  double times_s[G_N_ELEMENTS(ways)][RUNS_MAX];
  struct stat status;
  Reading r = {.fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1};

  if (r.fd < 0 || fstat(r.fd, &status) != 0) {
    g_printerr("usage: mapped FILE.bin [RUNS]\n");
    return 2;
  }
  r.n_bytes = (gsize)status.st_size / 16 * 16;
  for (guint run = 0; run < n_runs; run++)
    for (guint way = 0; way < G_N_ELEMENTS(ways); way++)
      times_s[way][run] = run_s(&r, ways[way].read);
  for (guint way = 0; way < G_N_ELEMENTS(ways); way++) {
    double *t = times_s[way];
    qsort(t, n_runs, sizeof *t, compare);
    g_print("%-26s best %6.1f ms, median %6.1f ms of a processor, %.2f GB/s\n", ways[way].name,
            1e3 * t[0], 1e3 * t[n_runs / 2], (double)r.n_bytes / 1e9 / t[n_runs / 2]);
  }
  return r.is_bad && r.sum == 0 ? 1 : 0; /* what was added up and checked is used */
}
