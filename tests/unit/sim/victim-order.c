/* The order of victims against a look through all members, over random joins, ticks, ends and
 * evictions; and that each policy of the table that says so moves all ranks alike.
 */
#include "sim/policies/victim.h"
#include "sim/victim_order.h"

enum { MEMBERS = 200, EVENTS = 20000 };

static gint64
rank_of(const VictimPolicy *policy, const Sequence *s, guint32 tokens)
{
  const PolicyValues options = policy_fallbacks(&policy->base);
  const VictimQuery query = {.options = &options};
  const VictimCandidate candidate = {
      .sequence = s,
      .computed_tokens = s->computed_tokens + tokens,
      .generated_tokens = s->generated_tokens + tokens,
  };

  return policy->rank(policy, &query, &candidate);
}

static void
fill(GRand *rand, Sequence *s, guint32 request)
{
  /* Few values, so that many rank the same. */
  *s = (Sequence){
      .request = request,
      .generated_tokens = (guint32)g_rand_int_range(rand, 1, 20),
      .output_limit = (guint32)g_rand_int_range(rand, 100000, 100030),
      .result.prompt_tokens = (guint32)g_rand_int_range(rand, 1, 40),
  };
  s->computed_tokens = s->result.prompt_tokens + s->generated_tokens - 1;
}

static Sequence *
look_through(const VictimPolicy *policy, Sequence *const *members, guint n, guint64 ticks,
             gint64 *highest)
{
  Sequence *first = NULL;

  for (guint i = 0; i < n; i++) {
    gint64 rank = rank_of(policy, members[i], (guint32)(ticks - members[i]->joined_ticks));
    if (first == NULL || rank > *highest ||
        (rank == *highest && members[i]->request > first->request)) {
      first = members[i];
      *highest = rank;
    }
  }
  return first;
}

/* first_ticks: so late that ranks of tick 0 have gone round. */
static void
check_policy(const VictimPolicy *policy, guint32 seed, guint64 first_ticks)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(seed);
  g_autofree Sequence *sequences = g_new0(Sequence, EVENTS);
  Sequence *members[MEMBERS];
  guint64 ticks = first_ticks;
  guint n = 0, asked = 0;
  VictimOrder order = {0};

  for (guint32 i = 0; i < EVENTS; i++) {
    gint32 event = g_rand_int_range(rand, 0, 10);
    guint64 moved = (guint64)policy->rank_per_token * ticks;
    if (event < 4 && n < MEMBERS) {
      fill(rand, &sequences[i], i);
      sequences[i].joined_ticks = ticks;
      victim_order_add(&order, &sequences[i], (guint64)rank_of(policy, &sequences[i], 0) - moved);
      members[n++] = &sequences[i];
    } else if (event < 7 && n > 0) {
      guint leaves = (guint)g_rand_int_range(rand, 0, (gint32)n);
      victim_order_remove(&order, members[leaves]);
      members[leaves] = members[--n];
    } else if (event < 9) {
      ticks += (guint64)g_rand_int_range(rand, 1, 4);
    } else if (n > 0) {
      gint64 highest = 0;
      const Sequence *first = look_through(policy, members, n, ticks, &highest);
      RankedMember found = victim_order_first(&order);
      g_assert_true(found.member == first);
      g_assert_cmpint((gint64)(found.rank + moved), ==, highest);
      asked++;
    }
    g_assert_cmpuint(order.count, ==, n);
  }
  g_assert_cmpuint(asked, >, EVENTS / 20);
  victim_order_clear(&order);
}

static void
check_order(void)
{
  for (guint i = 0; victim_policies[i] != NULL; i++)
    if (victim_policies[i]->moves_alike) {
      check_policy(victim_policies[i], i, 0);
      check_policy(victim_policies[i], i + 100, ((guint64)1 << 33) - 500);
    }
}

static void
check_moves(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  guint alike = 0;

  for (guint i = 0; victim_policies[i] != NULL; i++) {
    const VictimPolicy *policy = victim_policies[i];
    alike += policy->moves_alike;
    for (guint j = 0; j < 1000 && policy->moves_alike; j++) {
      guint32 tokens = (guint32)g_rand_int_range(rand, 0, 1000);
      Sequence s;
      fill(rand, &s, j);
      g_assert_cmpint(rank_of(policy, &s, tokens + 1) - rank_of(policy, &s, tokens), ==,
                      policy->rank_per_token);
      g_assert_cmpint(rank_of(policy, &s, tokens), !=, VICTIM_NEVER);
    }
  }
  g_assert_cmpuint(alike, >=, 7);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/victims/ranks move alike", check_moves);
  g_test_add_func("/victims/in order as looked through", check_order);
  return g_test_run();
}
