#include "profile_host.h"

#include <string.h>

#include "sim/units.h"

/* Two points make the line over sequences. */
static const gint64 points[] = {1, 256};

gboolean
profile_has_host(const Profile *profile)
{
  guint n;
  const ProfileSample *samples = profile_samples(profile, OP_HOST, &n);

  for (guint i = 0; i < n; i++)
    for (HostScheduler s = 0; s < HOST_SCHEDULERS; s++)
      if (g_str_has_prefix(samples[i].variant, host_scheduler_name(s)))
        return TRUE;
  return FALSE;
}

gboolean
profile_has_eager_host(const Profile *profile, HostScheduler scheduler)
{
  g_autofree char *eager = g_strconcat(host_scheduler_name(scheduler), HOST_EAGER_SUFFIX, NULL);
  guint n;
  const ProfileSample *samples = profile_samples(profile, OP_HOST, &n);

  for (guint i = 0; i < n; i++)
    if (!samples[i].derived && g_str_equal(samples[i].variant, eager))
      return TRUE;
  return FALSE;
}

static void
add_line(Profile *profile, guint16 origin, const char *variant, double step_ps, double sequence_ps)
{
  for (guint i = 0; i < G_N_ELEMENTS(points); i++) {
    const ProfileSample sample = {
        .operation = OP_HOST,
        .derived = 1,
        .origin = origin,
        .variant = variant,
        .dtype = "",
        .kernel = "",
        .shape = {points[i], 1},
        .median_ns = (step_ps + sequence_ps * (double)points[i]) / PS_PER_NS,
    };
    profile_add(profile, &sample);
  }
}

void
profile_add_host(Profile *profile, const Host *host)
{
  for (HostScheduler s = 0; s < HOST_SCHEDULERS; s++) {
    const HostCost *cost = &host->costs[s];
    const char *name = host_scheduler_name(s);
    g_autofree char *eager = g_strconcat(name, HOST_EAGER_SUFFIX, NULL);
    g_autofree char *source = host_source(host, s);
    guint16 origin = profile_add_origin(profile, &(const ProfileOrigin){.source = source});

    add_line(profile, origin, name, cost->step_ps, cost->sequence_ps);
    if (cost->eager_ps > 0)
      add_line(profile, origin, eager, cost->step_ps + cost->eager_ps, cost->sequence_ps);
  }
  profile_add_note(profile,
                   "The tables have none of the host's (host time: of %s): a run takes that of the "
                   "host %s, for every scheduler, or that of --host; replace it with your server's "
                   "(doc/profiles.md).",
                   host_is_unknown(host) ? "host unknown" : host->title, host->name);
}
