/* Loaded before a program (LD_PRELOAD): the time of day jumps by years, back and forth, each time
 * that it is asked for; and who sleeps wakes at once, so that a wait of minutes is over soon. The
 * clock that only counts on is let be. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_uint asked;

/* From 1970 to beyond 2038. */
static time_t
jumping(void)
{
  static const time_t days[] = {20000, 0, 30000, 19999, 1, 24900, 40000, 365};

  return days[atomic_fetch_add(&asked, 1) % (sizeof days / sizeof *days)] * 86400;
}

int
clock_gettime(clockid_t clock, struct timespec *now)
{
  static int (*original)(clockid_t, struct timespec *);

  if (original == NULL)
    *(void **)&original = dlsym(RTLD_NEXT, "clock_gettime");
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
    return original(clock, now);
  *now = (struct timespec){.tv_sec = jumping()};
  return 0;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
  (void)zone;
  *now = (struct timeval){.tv_sec = jumping()};
  return 0;
}

time_t
time(time_t *now)
{
  time_t seconds = jumping();

  if (now != NULL)
    *now = seconds;
  return seconds;
}

int
usleep(useconds_t microseconds)
{
  (void)microseconds;
  return 0;
}

int
nanosleep(const struct timespec *asked_for, struct timespec *left)
{
  (void)asked_for, (void)left;
  return 0;
}
