/* Where `split` cuts a victim, and what its price rules out, against all cuts one by one: at random
 * loads, in the steps and beside them, layer by layer and not.
 */
#include "sim/layerwise.h"
#include "sim/policies/price.h"

enum { VICTIMS = 4000 };

/* Rises with tokens and with those before them, with a bend where the memory ends to be what
 * counts.
 */
typedef struct {
  CostModel base;
  gint64 memory_ps, token_ps, pair_ps, block_ps;
  double slow;
} BentCost;

static void
bent_step(CostModel *base, const CostShape *shape, guint32 repeat G_GNUC_UNUSED, CostPiece *piece)
{
  const BentCost *self = (const BentCost *)base;
  gint64 computing_ps = self->token_ps * shape->contexts.count;

  for (guint32 i = 0; i < shape->n_prefills; i++) {
    gint64 tokens = shape->prefills[i].tokens, cached = shape->prefills[i].cached_tokens;
    computing_ps += tokens * self->token_ps;
    piece->base_ps[COST_ATTENTION] += self->pair_ps * tokens * (2 * cached + tokens);
  }
  piece->base_ps[COST_LINEAR] = MAX(self->memory_ps, computing_ps);
  piece->base_ps[COST_SWAP_OUT] = self->block_ps * shape->copy_out_blocks;
  piece->base_ps[COST_SWAP_IN] = self->block_ps * shape->copy_in_blocks;
  if (base->copy_stages > 0)
    layerwise_overlap(base, shape, piece);
  piece->steps = 1;
}

static gint64
bent_copy(CostModel *base, CopyDirection direction G_GNUC_UNUSED, guint32 blocks)
{
  return ((BentCost *)base)->block_ps * blocks;
}

static double
bent_layer_copy(CostModel *base, CopyDirection direction G_GNUC_UNUSED, guint32 blocks)
{
  return (double)((BentCost *)base)->block_ps * blocks / base->copy_stages;
}

static CopyContention
bent_contention(const CostModel *base, CopyDirection direction G_GNUC_UNUSED,
                gboolean prefills G_GNUC_UNUSED)
{
  return (CopyContention){.step = ((const BentCost *)base)->slow};
}

static const CostModelClass bent_class = {.name = "bent",
                                          .step = bent_step,
                                          .copy_ps = bent_copy,
                                          .layer_copy_ps = bent_layer_copy,
                                          .contention = bent_contention};

typedef struct {
  BentCost cost;
  DecodeContexts decodes;
  CopyLoad load;
  PolicyValues options;
  OverflowQuery query;
} Case;

static guint32
pick(GRand *rand, guint32 low, guint32 high)
{
  return (guint32)g_rand_int_range(rand, (gint32)low, (gint32)high + 1);
}

static void
make_victim(Case *c, guint32 blocks, guint32 last_tokens)
{
  c->query.victim = (OverflowVictim){
      .blocks = blocks,
      .computed_tokens = (blocks - 1) * c->query.block_size + last_tokens,
  };
}

static void
make(Case *c, GRand *rand)
{
  *c = (Case){
      .cost = {.base = {.class = &bent_class, .copy_stages = pick(rand, 0, 3) == 0 ? 10 : 0},
               .memory_ps = pick(rand, 0, 200000),
               .token_ps = pick(rand, 0, 2000),
               .pair_ps = pick(rand, 0, 3),
               .block_ps = pick(rand, 0, 60000),
               .slow = pick(rand, 0, 20) / 100.0},
      .decodes = decode_contexts_equal(pick(rand, 1, 60), 300),
      .load = {.beside = pick(rand, 0, 1),
               .busy_ps = {pick(rand, 0, 1) * pick(rand, 0, 900000), pick(rand, 0, 900000)},
               .pool_blocks = pick(rand, 100, 1000)},
      .options = {.of = {pick(rand, 1, 12)}},
  };
  c->query = (OverflowQuery){
      .block_size = pick(rand, 1, 16),
      .host_free_blocks = pick(rand, 0, 4) == 0 ? pick(rand, 0, 60) : 1000,
      .caches_prefixes = pick(rand, 0, 1),
      .dropped_tokens = pick(rand, 50, 100),
      .found_tokens = pick(rand, 0, 50),
      .step_tokens = pick(rand, 64, 600),
      .decodes = &c->decodes,
      .prices_rise = pick(rand, 0, 3) > 0,
      .copies = &c->load,
      .cost = &c->cost.base,
      .options = &c->options,
  };
  make_victim(c, pick(rand, 1, 60), pick(rand, 1, c->query.block_size));
}

/* The cheapest cut, of those that cost the same the one that drops least. */
static OverflowPlan
try_all(const OverflowQuery *query, gint64 *least_ps)
{
  guint32 blocks = query->victim.blocks, tries = (guint32)query->options->of[0];
  OverflowPlan best = {.drop_blocks = blocks};

  *least_ps = price_plan_ps(query, &best);
  for (guint32 i = tries; i-- > 0;) {
    const OverflowPlan cut = {.drop_blocks = blocks * i / tries};
    gint64 ps = price_plan_ps(query, &cut);
    if (blocks - cut.drop_blocks <= query->host_free_blocks && ps <= *least_ps) {
      *least_ps = ps;
      best = cut;
    }
  }
  return best;
}

static void
check_plan(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(1);
  guint between = 0;
  Case c;

  for (guint i = 0; i < VICTIMS; i++) {
    gint64 least_ps;
    OverflowPlan best;
    make(&c, rand);
    best = try_all(&c.query, &least_ps);
    g_assert_cmpuint(overflow_split.plan(&overflow_split, &c.query).drop_blocks, ==,
                     best.drop_blocks);
    g_assert_cmpint(overflow_split.price_ps(&overflow_split, &c.query), ==, least_ps);
    between += best.drop_blocks > 0 && best.drop_blocks < c.query.victim.blocks;
  }
  g_assert_cmpuint(between, >, VICTIMS / 10);
}

/* Below a limit the price is right. A victim that is ruled out costs as much as the limit, and so
 * do larger ones. */
static void
check_limit(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(2);
  guint ruled_out = 0;
  Case c;

  for (guint i = 0; i < VICTIMS; i++) {
    gint64 least_ps, ps;
    make(&c, rand);
    try_all(&c.query, &least_ps);
    c.query.below_ps = MAX(1, least_ps + least_ps / 20 * (gint64)pick(rand, 0, 4) - least_ps / 10);
    ps = overflow_split.price_ps(&overflow_split, &c.query);
    if (least_ps < c.query.below_ps)
      g_assert_cmpint(ps, ==, least_ps);
    else
      g_assert_cmpint(ps, >=, c.query.below_ps);
    if (ps < PRICE_RULED_OUT)
      continue;
    ruled_out++;
    make_victim(&c, c.query.victim.blocks + pick(rand, 1, 30), c.query.block_size);
    try_all(&c.query, &least_ps);
    g_assert_cmpint(least_ps, >=, c.query.below_ps);
  }
  g_assert_cmpuint(ruled_out, >, VICTIMS / 10);
}

/* Victims at one load, as `cheapest` asks about them: each is held against the cheapest so far, and
 * what is remembered of that spares most of the cuts. */
static void
check_many(void)
{
  g_autoptr(GRand) rand = g_rand_new_with_seed(3);
  g_autofree PriceMemo *memo = g_new0(PriceMemo, 1);
  guint changed = 0;
  Case c;

  for (guint i = 0; i < VICTIMS / 10; i++) {
    guint32 n = pick(rand, 1, 12), most = pick(rand, 1, 60);
    OverflowVictim first = {0};
    gint64 first_ps = 0, least_ps;
    make(&c, rand);
    if (pick(rand, 0, 1)) { /* many cuts cost the same */
      c.cost.memory_ps = pick(rand, 0, 100);
      c.cost.token_ps = pick(rand, 0, 2);
      c.cost.pair_ps = 0;
      c.cost.block_ps = pick(rand, 0, 2) * c.query.block_size / 2;
    }
    memo->load++;
    for (guint32 j = 0; j < n; j++) {
      OverflowQuery query = c.query;
      gint64 ps;
      make_victim(&c, pick(rand, 1, most), pick(rand, 1, c.query.block_size));
      query.victim = c.query.victim;
      try_all(&query, &least_ps);
      query.memo = memo;
      query.below_ps = j > 0 ? first_ps + 1 : 0;
      ps = overflow_split.price_ps(&overflow_split, &query);
      if (j > 0 && least_ps > first_ps) {
        g_assert_cmpint(ps, >, first_ps);
        continue;
      }
      g_assert_cmpint(ps, ==, least_ps);
      changed += j > 0;
      first_ps = ps;
      first = query.victim;
    }
    c.query.victim = first;
    g_assert_cmpuint(
        try_all(&c.query, &least_ps).drop_blocks, ==,
        (c.query.memo = memo, overflow_split.plan(&overflow_split, &c.query).drop_blocks));
  }
  g_assert_cmpuint(changed, >, VICTIMS / 100);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prices/split cuts where it costs least", check_plan);
  g_test_add_func("/prices/what a limit rules out", check_limit);
  g_test_add_func("/prices/what is remembered of the cheapest", check_many);
  return g_test_run();
}
