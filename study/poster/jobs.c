#include "jobs.h"

static void
add_job(GArray *jobs, PosterJobKind kind, guint at, PosterPolicy policy)
{
  const PosterJob job = {kind, at, policy};

  g_array_append_val(jobs, job);
}

static void
add_both(GArray *jobs, PosterJobKind kind, guint at)
{
  for (guint p = 0; p < POSTER_POLICIES; p++)
    add_job(jobs, kind, at, (PosterPolicy)p);
}

/* Block sizes 1, 16 and 256 decide F1 to F3. */
static gboolean
decides(guint size)
{
  return poster_block_sizes[size] == 1 || poster_block_sizes[size] == POSTER_BLOCK_SIZE ||
         poster_block_sizes[size] == 256;
}

static void
add_prices(GArray *jobs, const PosterData *data, gboolean that_decide)
{
  for (guint i = 0; i < POSTER_BLOCK_SIZES; i++)
    if (decides(i) == that_decide)
      add_job(jobs, POSTER_JOB_PRICE, i, POSTER_SWAP);
  for (guint i = 0; i < POSTER_BLOCK_SIZES && !data->one_host_memory; i++)
    if (decides(i) == that_decide)
      add_job(jobs, POSTER_JOB_PAGEABLE, i, POSTER_SWAP);
}

PosterReplay
poster_job_replay(const PosterJob *job)
{
  PosterReplay replay = {.policy = job->policy,
                         .percent = POSTER_TIMELINE_PERCENT,
                         .block_size = POSTER_BLOCK_SIZE,
                         .swap_gib = POSTER_AMPLE_GIB};

  if (job->kind == POSTER_JOB_SHARE)
    replay.percent = poster_percents[job->at];
  else if (job->kind == POSTER_JOB_SIZE)
    replay.block_size = poster_replay_sizes[job->at];
  else
    replay.percent = 0;
  return replay;
}

char *
poster_job_name(const PosterJob *job)
{
  switch (job->kind) {
  case POSTER_JOB_PRICE:
    return g_strdup_printf("cost-%u", poster_block_sizes[job->at]);
  case POSTER_JOB_PAGEABLE:
    return g_strdup_printf("cost-%u-pageable", poster_block_sizes[job->at]);
  case POSTER_JOB_SHARE:
    return g_strdup_printf("%s-%u-percent", poster_policy_names[job->policy],
                           poster_percents[job->at]);
  case POSTER_JOB_SIZE:
    return g_strdup_printf("%s-blocks-of-%u", poster_policy_names[job->policy],
                           poster_replay_sizes[job->at]);
  case POSTER_JOB_ALL:
    return g_strdup("memory-for-all");
  }
  g_assert_not_reached();
}

gboolean
poster_job_is_price(const PosterJob *job)
{
  return job->kind == POSTER_JOB_PRICE || job->kind == POSTER_JOB_PAGEABLE;
}

/* Removes the jobs whose pool holds no request of this burst. */
static void
drop_jobs_without_pool(const PosterData *data, GArray *jobs)
{
  for (guint i = jobs->len; i-- > 0;) {
    const PosterJob *job = &g_array_index(jobs, PosterJob, i);
    const PosterReplay replay = poster_job_replay(job);
    if (!poster_job_is_price(job) && !poster_replay_fits(data, &replay, NULL))
      g_array_remove_index(jobs, i);
  }
}

GArray *
poster_jobs(const PosterData *data)
{
  GArray *jobs = g_array_new(FALSE, FALSE, sizeof(PosterJob));

  add_prices(jobs, data, TRUE);
  for (guint i = 0; i < POSTER_SHARES; i++)
    if (poster_percents[i] == POSTER_TIMELINE_PERCENT)
      add_both(jobs, POSTER_JOB_SHARE, i);
  add_job(jobs, POSTER_JOB_ALL, 0, POSTER_RECOMPUTE);
  for (guint i = 0; i < POSTER_SHARES; i++)
    if (poster_percents[i] % 10 == 0)
      add_both(jobs, POSTER_JOB_SHARE, i);
  add_prices(jobs, data, FALSE);
  for (guint i = 0; i < POSTER_SHARES; i++)
    if (poster_percents[i] % 10 != 0 && poster_percents[i] != POSTER_TIMELINE_PERCENT)
      add_both(jobs, POSTER_JOB_SHARE, i);
  for (guint i = 0; i < POSTER_REPLAY_SIZES; i++)
    if (poster_replay_sizes[i] != POSTER_BLOCK_SIZE)
      add_both(jobs, POSTER_JOB_SIZE, i);
  drop_jobs_without_pool(data, jobs);
  return jobs;
}
