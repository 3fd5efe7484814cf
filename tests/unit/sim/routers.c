/* Routers against their rules, written as plainly as can be: sets of prefixes that are looked
 * through, sessions that are followed back to their first turn, minima by hand. */
#include "config.h"

#include <string.h>

#include "sim/clients/turns.h"
#include "sim/policies/router.h"

enum { REQUESTS = 60, ENGINES = 5, CASES = 400, PROMPT_MAX = 200 };

typedef struct {
  GRand *chance;
  Workload *workload;       /* in the order of arrival */
  const Workload *original; /* as the trace had it */
  guint32 *origin;          /* by place: the index there */
  guint n;
  RouterLoad loads[ENGINES];
  PolicyValues options;
} Case;

static guint32
below(GRand *chance, guint32 n)
{
  return (guint32)g_rand_int_range(chance, 0, (gint32)n);
}

/* Prompts of some families that part from each other somewhere; some without hashes. */
static Workload *
random_workload(GRand *chance)
{
  Workload *workload = workload_new();
  guint32 unit = 1 + below(chance, 20);
  gboolean turns = below(chance, 4) > 0;

  for (guint32 i = 0; i < REQUESTS; i++) {
    Request request = {.prompt_tokens = 1 + below(chance, PROMPT_MAX),
                       .output_tokens = 1,
                       .arrival_ps = (gint64)i * 1000};
    guint64 hashes[PROMPT_MAX + 1], family = below(chance, 3);
    guint32 common = below(chance, 12);
    if (below(chance, 5) > 0) {
      request.hash_block_tokens = unit;
      request.hash_count = request.prompt_tokens / unit + below(chance, 2);
      for (guint32 j = 0; j < request.hash_count; j++)
        hashes[j] = (j < common ? family * 1000 : (guint64)(i + 9) * 1000) + j;
      if (request.hash_count == 0)
        request.hash_block_tokens = 0;
    }
    workload_add(workload, &request, NULL, hashes);
    if (turns && i > 0 && below(chance, 3) > 0)
      g_assert_true(workload_set_turn(workload, below(chance, i), 0));
  }
  g_assert_true(workload_seal(workload, NULL));
  return workload;
}

static guint
requests_of(const Case *c, guint engine)
{
  return c->loads[engine].running + c->loads[engine].waiting;
}

static guint
fewest_requests(const Case *c)
{
  guint best = 0;

  for (guint i = c->n; i-- > 0;)
    if (requests_of(c, i) <= requests_of(c, best))
      best = i;
  return best;
}

/* Rules --------------------------------------------------------------------------------------- */

static guint
rule_tokens(const Case *c)
{
  guint best = 0;

  for (guint i = 1; i < c->n; i++) {
    guint64 mine = c->loads[i].tokens, its = c->loads[best].tokens;
    if (mine < its || (mine == its && requests_of(c, i) < requests_of(c, best)))
      best = i;
  }
  return best;
}

/* Where the request that its session began with went. */
static guint
rule_session(const Case *c, guint32 place, guint *went)
{
  guint32 first = c->origin[place];

  if (c->original->turns == NULL)
    return fewest_requests(c);
  while (workload_turn(c->original, first)->after != NO_TURN)
    first = workload_turn(c->original, first)->after;
  if (went[first] == G_MAXUINT)
    went[first] = fewest_requests(c);
  return went[first];
}

/* A prefix that an engine was sent: the first hashes of a request, or, with `own`, all of it. */
typedef struct {
  guint engine;
  guint32 place, hashes;
  gboolean own;
  guint32 tokens; /* behind the prefix that is shorter by one */
  guint64 used;
} Sent;

static gboolean
is_prefix(const Case *c, const Sent *sent, guint32 place, guint32 hashes, gboolean own)
{
  const Request *a = workload_request(c->workload, sent->place);
  const Request *b = workload_request(c->workload, place);
  const guint64 *all = (const guint64 *)(gpointer)c->workload->hashes->data;

  if (own || sent->own)
    return own && sent->own && place == sent->place;
  /* A last hash that stands for fewer tokens is of another piece. */
  return sent->hashes == hashes &&
         MIN(hashes * a->hash_block_tokens, a->prompt_tokens) ==
             MIN(hashes * b->hash_block_tokens, b->prompt_tokens) &&
         memcmp(all + a->hash_first, all + b->hash_first, hashes * sizeof(guint64)) == 0;
}

static guint32
pieces_of(const Case *c, guint32 place)
{
  const Request *request = workload_request(c->workload, place);
  guint32 known = request_hashed_tokens(request);
  guint32 unit = MAX(request->hash_block_tokens, 1);

  return (known + unit - 1) / unit + (known < request->prompt_tokens);
}

static guint32
piece_tokens(const Case *c, guint32 place, guint32 piece, gboolean *own)
{
  const Request *request = workload_request(c->workload, place);
  guint32 known = request_hashed_tokens(request), unit = request->hash_block_tokens;

  *own = piece * unit >= known;
  return *own ? request->prompt_tokens - known : MIN(unit, known - piece * unit);
}

static Sent *
find_sent(const Case *c, GArray *sent, guint32 place, guint32 piece, gboolean own, guint engine)
{
  Sent *found = NULL;

  for (guint i = 0; i < sent->len; i++) {
    Sent *one = &g_array_index(sent, Sent, i);
    if ((engine == G_MAXUINT || one->engine == engine) &&
        is_prefix(c, one, place, piece + 1, own) && (found == NULL || one->used > found->used))
      found = one;
  }
  return found;
}

static guint64
remembered(const GArray *sent, guint engine)
{
  guint64 tokens = 0;

  for (guint i = 0; i < sent->len; i++)
    if (g_array_index(sent, Sent, i).engine == engine)
      tokens += g_array_index(sent, Sent, i).tokens;
  return tokens;
}

static void
send(const Case *c, GArray *sent, guint32 place, guint engine, guint64 *now)
{
  gboolean own;

  for (guint32 piece = pieces_of(c, place); piece-- > 0;) {
    guint32 tokens = piece_tokens(c, place, piece, &own);
    Sent *had = find_sent(c, sent, place, piece, own, engine);
    const Sent one = {engine, place, piece + 1, own, tokens, ++*now};
    if (had != NULL)
      had->used = *now;
    else
      g_array_append_val(sent, one);
  }
  while (remembered(sent, engine) > c->options.of[3]) {
    guint oldest = G_MAXUINT;
    for (guint i = 0; i < sent->len; i++)
      if (g_array_index(sent, Sent, i).engine == engine &&
          (oldest == G_MAXUINT ||
           g_array_index(sent, Sent, i).used < g_array_index(sent, Sent, oldest).used))
        oldest = i;
    g_array_remove_index_fast(sent, oldest);
  }
}

static guint
rule_prefix(const Case *c, GArray *sent, guint32 place, guint64 *now, guint *kinds)
{
  guint32 prompt = workload_request(c->workload, place)->prompt_tokens, matched = 0;
  guint most = 0, chosen = fewest_requests(c), fewest = requests_of(c, chosen), engine = 0;

  for (guint i = 0; i < c->n; i++)
    most = MAX(most, requests_of(c, i));
  for (guint32 piece = 0; piece < pieces_of(c, place); piece++) {
    gboolean own;
    guint32 tokens = piece_tokens(c, place, piece, &own);
    const Sent *one = find_sent(c, sent, place, piece, own, G_MAXUINT);
    if (one == NULL)
      break;
    matched += tokens;
    engine = one->engine;
  }
  if (most - fewest > c->options.of[1] && most > c->options.of[2] * fewest) {
    kinds[0]++;
  } else if ((double)matched / prompt > c->options.of[0]) {
    chosen = engine;
    kinds[1]++;
  } else {
    chosen = 0;
    for (guint i = 1; i < c->n; i++)
      if (remembered(sent, i) < remembered(sent, chosen))
        chosen = i;
    kinds[2]++;
  }
  send(c, sent, place, chosen, now);
  return chosen;
}

/* Cases --------------------------------------------------------------------------------------- */

static void
random_loads(Case *c)
{
  for (guint i = 0; i < c->n; i++)
    c->loads[i] = (RouterLoad){.running = below(c->chance, 6),
                               .waiting = below(c->chance, 4),
                               .used_blocks = below(c->chance, 9),
                               .tokens = below(c->chance, 6)};
}

/* The next to arrive: any that is left, in its place. */
static void
place_next(Case *c, guint32 place)
{
  guint32 from = place + below(c->chance, REQUESTS - place), other = c->origin[place];

  if (c->workload->turns == NULL)
    return;
  workload_swap(c->workload, place, from);
  c->origin[place] = c->origin[from];
  c->origin[from] = other;
}

static void
check_case(guint32 seed, guint *kinds)
{
  static const RouterPolicy *const routers[] = {
      &router_least_tokens, &router_session,  &router_prefix,     &router_round_robin,
      &router_random,       &router_least_kv, &router_two_choices};
  g_autoptr(GRand) chance = g_rand_new_with_seed(seed);
  g_autoptr(Workload) original = random_workload(chance), workload = workload_copy(original);
  g_autoptr(GArray) sent = g_array_new(FALSE, FALSE, sizeof(Sent));
  guint32 origin[REQUESTS];
  guint went[REQUESTS];
  guint64 now = 0;
  Case c = {.chance = chance, .workload = workload, .original = original, .origin = origin};
  gpointer states[G_N_ELEMENTS(routers)] = {NULL};

  c.n = 2 + below(chance, ENGINES - 1);
  c.options.of[0] = below(chance, 10) / 10.0;
  c.options.of[1] = below(chance, 8);
  c.options.of[2] = 1 + below(chance, 3) / 2.0;
  c.options.of[3] = below(chance, 2) ? 1 << 20 : 1 + below(chance, 600);
  if (workload->turns != NULL)
    turns_note_sessions(workload);
  for (guint32 i = 0; i < REQUESTS; i++) {
    origin[i] = i;
    went[i] = G_MAXUINT;
  }
  for (guint r = 0; r < G_N_ELEMENTS(routers); r++)
    if (routers[r]->state_new != NULL)
      states[r] = routers[r]->state_new(c.n, &c.options);
  for (guint32 place = 0; place < REQUESTS; place++) {
    guint any = below(chance, c.n), other = (any + 1 + below(chance, c.n - 1)) % c.n, least = 0;
    guint expected[G_N_ELEMENTS(routers)];
    place_next(&c, place);
    random_loads(&c);
    for (guint i = 1; i < c.n; i++)
      least = c.loads[i].used_blocks < c.loads[least].used_blocks ? i : least;
    expected[0] = rule_tokens(&c);
    expected[1] = rule_session(&c, place, went);
    expected[2] = rule_prefix(&c, sent, place, &now, kinds);
    expected[3] = place % c.n;
    expected[4] = any;
    expected[5] = least;
    expected[6] = requests_of(&c, other) < requests_of(&c, any) ? other : any;
    for (guint r = 0; r < G_N_ELEMENTS(routers); r++) {
      const RouterQuery query = {c.loads, c.n,   place,     workload,  place,
                                 any,     other, states[r], &c.options};
      g_assert_cmpuint(routers[r]->choose(routers[r], &query), ==, expected[r]);
    }
  }
  for (guint r = 0; r < G_N_ELEMENTS(routers); r++)
    if (states[r] != NULL)
      routers[r]->state_free(states[r]);
}

static void
test_rules(void)
{
  guint kinds[3] = {0};

  for (guint32 seed = 1; seed <= CASES; seed++)
    check_case(seed, kinds);
  /* By requests, by the prefix and by what is remembered, each often. */
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    g_assert_cmpuint(kinds[i], >, CASES);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/routers/each as its rule", test_rules);
  return g_test_run();
}
