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

static guint16
add_origin(Profile *profile, const Device *device, const char *scheduler, const char *key)
{
  g_autofree char *group = g_strconcat("host.", scheduler, NULL);
  g_autofree char *source_key = g_strconcat(key, ".source", NULL);
  g_autofree char *why = g_key_file_get_string(device->file, group, source_key, NULL);
  g_autofree char *source = g_strdup_printf("device file of %s, [%s] %s: %s", device->name, group,
                                            key, why != NULL ? why : "no source given");
  const ProfileOrigin origin = {.source = source};

  return profile_add_origin(profile, &origin);
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
profile_add_host(Profile *profile, const Device *device)
{
  for (HostScheduler s = 0; s < HOST_SCHEDULERS; s++) {
    const HostCost *host = &device->host[s];
    const char *name = host_scheduler_name(s);
    g_autofree char *eager = g_strconcat(name, HOST_EAGER_SUFFIX, NULL);

    add_line(profile, add_origin(profile, device, name, "step_us"), name, host->step_ps,
             host->sequence_ps);
    if (host->eager_ps > 0)
      add_line(profile, add_origin(profile, device, name, "eager_us"), eager,
               host->step_ps + host->eager_ps, host->sequence_ps);
  }
  profile_add_note(
      profile,
      "The tables have none of the host's (host time: of another machine): it is from the file of "
      "the device %s, for every scheduler; replace it with your server's (doc/profiles.md).",
      device->name);
}
