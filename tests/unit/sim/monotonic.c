/* What must not go the wrong way, at the parts that decide it: a faster disk or a deeper queue ends
 * no copy later, of copies in a fixed order; a router's choice stands when its engine has less to
 * do, or another one more. */
#include "config.h"

#include "sim/copy_link.h"
#include "sim/disk.h"
#include "sim/policies/router.h"

enum { CASES = 20000, COPIES = 40, ENGINES = 6 };

static Disk
random_disk(GRand *chance)
{
  Disk disk = {.queue_depth = (guint32)g_rand_int_range(chance, 1, 65)};

  for (guint way = 0; way < 2; way++) {
    disk.latency_ps[way] = (gint64)g_rand_int_range(chance, 0, 200000) * 1000;
    disk.transfer_ps[way] = (gint64)g_rand_int_range(chance, 0, 2000000) * 1000;
  }
  return disk;
}

/* No worse in anything. */
static Disk
better_disk(GRand *chance, const Disk *disk)
{
  Disk better = *disk;

  better.queue_depth += (guint32)g_rand_int_range(chance, 0, 3) * 7;
  for (guint way = 0; way < 2; way++) {
    better.latency_ps[way] -= (gint64)(g_rand_double(chance) * (double)disk->latency_ps[way]);
    better.transfer_ps[way] -= (gint64)(g_rand_double(chance) * (double)disk->transfer_ps[way]);
  }
  return better;
}

static void
check_copies(GRand *chance)
{
  const Disk disk = random_disk(chance), better = better_disk(chance, &disk);
  CopyLink link = {.side_by_side = FALSE}, better_link = link;
  gint64 now_ps = 0;

  for (guint i = 0; i < COPIES; i++) {
    CopyDirection way = g_rand_boolean(chance) ? COPY_TO_DISK : COPY_FROM_DISK;
    guint32 blocks = (guint32)g_rand_int_range(chance, 0, 300);
    gint64 slow_ps, fast_ps;
    g_assert_cmpint(disk_copy_ps(&disk, way, blocks), <=, disk_copy_ps(&disk, way, blocks + 1));
    slow_ps = copy_link_submit(&link, way - COPY_TO_DISK, now_ps, disk_copy_ps(&disk, way, blocks));
    fast_ps = copy_link_submit(&better_link, way - COPY_TO_DISK, now_ps,
                               disk_copy_ps(&better, way, blocks));
    g_assert_cmpint(fast_ps, <=, slow_ps);
    g_assert_cmpint(slow_ps, >=, now_ps);
    now_ps += (gint64)g_rand_int_range(chance, 0, 1000000) * 1000;
  }
}

static void
test_disk(void)
{
  g_autoptr(GRand) chance = g_rand_new_with_seed(18);

  for (guint i = 0; i < CASES / 10; i++)
    check_copies(chance);
}

static void
random_loads(GRand *chance, RouterLoad *loads, guint n)
{
  for (guint i = 0; i < n; i++)
    loads[i] = (RouterLoad){.running = (guint32)g_rand_int_range(chance, 0, 9),
                            .waiting = (guint32)g_rand_int_range(chance, 0, 5),
                            .used_blocks = (guint32)g_rand_int_range(chance, 0, 50),
                            .tokens = (guint64)g_rand_int_range(chance, 0, 900)};
}

static void
check_choice(const RouterPolicy *router, const Workload *workload, GRand *chance)
{
  const PolicyValues options = policy_fallbacks(&router->base);
  RouterLoad loads[ENGINES];
  RouterQuery query = {.loads = loads,
                       .n = (guint)g_rand_int_range(chance, 2, ENGINES + 1),
                       .dealt = g_rand_int(chance),
                       .workload = workload,
                       .options = &options};
  guint chosen, changed;

  query.any = (guint)g_rand_int_range(chance, 0, (gint32)query.n);
  query.other = (query.any + 1 + (guint)g_rand_int_range(chance, 0, (gint32)query.n - 1)) % query.n;
  random_loads(chance, loads, query.n);
  query.state = router->state_new != NULL ? router->state_new(query.n, &options) : NULL;
  chosen = router->choose(router, &query);
  g_assert_cmpuint(chosen, <, query.n);
  changed = (guint)g_rand_int_range(chance, 0, (gint32)query.n);
  if (changed == chosen) {
    loads[changed].running /= 2;
    loads[changed].waiting /= 2;
    loads[changed].used_blocks /= 2;
    loads[changed].tokens /= 2;
  } else {
    loads[changed].running += (guint32)g_rand_int_range(chance, 0, 5);
    loads[changed].waiting += (guint32)g_rand_int_range(chance, 0, 5);
    loads[changed].used_blocks += (guint32)g_rand_int_range(chance, 0, 5);
    loads[changed].tokens += (guint64)g_rand_int_range(chance, 0, 50);
  }
  g_assert_cmpuint(router->choose(router, &query), ==, chosen);
  if (query.state != NULL)
    router->state_free(query.state);
}

static void
test_routers(void)
{
  const Request lone = {.prompt_tokens = 100, .output_tokens = 1};
  g_autoptr(GRand) chance = g_rand_new_with_seed(18);
  g_autoptr(Workload) workload = workload_new();
  guint n = 0;

  workload_add(workload, &lone, NULL, NULL);
  g_assert_true(workload_seal(workload, NULL));
  for (guint r = 0; router_policies[r] != NULL; r++)
    for (guint i = 0; i < CASES && router_policies[r]->choose != NULL; i++, n++)
      check_choice(router_policies[r], workload, chance);
  g_assert_cmpuint(n, >=, 8 * CASES);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/monotonic/a better disk ends no copy later, of copies in a fixed order",
                  test_disk);
  g_test_add_func("/monotonic/a router's choice stands when it becomes the better one",
                  test_routers);
  return g_test_run();
}
