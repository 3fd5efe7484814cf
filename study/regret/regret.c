#include "regret.h"

#include <math.h>

#include "scenario/run/slowdown.h"

G_DEFINE_QUARK(regret - error - quark, regret_error)

double
regret_of(const Regret *regret, const PlayFigures *figures)
{
  if (!isfinite(figures->mean_latency_s))
    return NAN;
  return regret->best.mean_latency_s > 0 ? figures->mean_latency_s / regret->best.mean_latency_s - 1
                                         : 0;
}

static int
by_latency(gconstpointer a, gconstpointer b)
{
  const RegretPolicy *one = a, *other = b;

  if (one->figures.mean_latency_s != other->figures.mean_latency_s)
    return one->figures.mean_latency_s < other->figures.mean_latency_s ? -1 : 1;
  return one->order < other->order ? -1 : one->order > other->order;
}

static gboolean
are_same(const PlayFigures *one, const PlayFigures *other)
{
  return one->end == other->end && one->preemptions == other->preemptions &&
         one->mean_latency_s == other->mean_latency_s && one->ttft_p99_s == other->ttft_p99_s &&
         one->output_tokens_per_s == other->output_tokens_per_s;
}

/* Each overflow policy with each victim policy. */
static void
list_policies(Regret *regret)
{
  const RegretField *field = regret->field;

  for (guint i = 0; i < field->scenarios->len; i++)
    for (guint v = 0; v < field->victims->len; v++) {
      const Scenario *scenario = g_ptr_array_index(field->scenarios, i);
      const ScriptPick *victim = &g_array_index(field->victims, ScriptPick, v);
      RegretPolicy policy = {.overflow = scenario->config.overflow->base.name,
                             .victim = victim->policy->base.name,
                             .config = scenario->config,
                             .order = regret->policies->len,
                             .same_as = -1};
      policy.config.victim = victim->policy;
      policy.config.victim_options = victim->options;
      g_array_append_val(regret->policies, policy);
    }
}

/* Plays the configurations as they are. The caller frees. */
static Play *
play_all(const Players *players, const SchedulerConfig *configs, guint n)
{
  Play *plays = g_new0(Play, n);

  for (guint i = 0; i < n; i++)
    plays[i].config = configs[i];
  players_run(players, plays, n);
  return plays;
}

static void
play_policies(Regret *regret, const Players *players)
{
  GArray *policies = regret->policies;
  g_autofree SchedulerConfig *configs = g_new(SchedulerConfig, policies->len);
  g_autofree Play *plays = NULL;

  for (guint i = 0; i < policies->len; i++)
    configs[i] = g_array_index(policies, RegretPolicy, i).config;
  plays = play_all(players, configs, policies->len);
  for (guint i = 0; i < policies->len; i++)
    g_array_index(policies, RegretPolicy, i).figures = plays[i].figures;
  g_array_sort(policies, by_latency);
  for (guint i = 1; i < policies->len; i++) {
    RegretPolicy *policy = &g_array_index(policies, RegretPolicy, i);
    const RegretPolicy *before = &g_array_index(policies, RegretPolicy, i - 1);
    if (are_same(&policy->figures, &before->figures))
      policy->same_as = before->same_as >= 0 ? before->same_as : (gint)i - 1;
  }
}

static void
add_bound(Regret *regret, const char *name, const char *help, const PlayFigures *figures)
{
  const RegretBound bound = {name, help, *figures};

  g_array_append_val(regret->bounds, bound);
}

/* The best of free copies with each of the victim policies. */
static void
add_swap_free(Regret *regret, const Players *players)
{
  const RegretField *field = regret->field;
  guint n = field->victims->len;
  g_autofree SchedulerConfig *configs = g_new(SchedulerConfig, n);
  g_autofree Play *plays = NULL;
  guint best = 0;

  for (guint v = 0; v < n; v++) {
    const ScriptPick *victim = &g_array_index(field->victims, ScriptPick, v);
    configs[v] = field->swap_free->config;
    configs[v].victim = victim->policy;
    configs[v].victim_options = victim->options;
  }
  plays = play_all(players, configs, n);
  for (guint v = 1; v < n; v++)
    if (plays[v].figures.mean_latency_s < plays[best].figures.mean_latency_s)
      best = v;
  add_bound(regret, "swap-free",
            "copies that take no time, to a host that is never full, with the best of the victim "
            "policies",
            &plays[best].figures);
}

static void
play_bounds(Regret *regret, const Players *players)
{
  const RegretField *field = regret->field;
  const Scenario *first = g_ptr_array_index(field->scenarios, 0);
  const SchedulerConfig unlimited = slowdown_unlimited_config(first, regret->workload);
  g_autofree Play *play = play_all(players, &unlimited, 1);

  add_bound(regret, "unlimited-memory", "a pool in which nobody is ever evicted", &play->figures);
  if (field->swap_free != NULL)
    add_swap_free(regret, players);
  if (field->known_lengths != NULL) {
    g_autofree Play *knowing = play_all(players, &field->known_lengths->config, 1);
    add_bound(regret, "known-lengths",
              "admission that knows how long each output will be: it bounds evictions, not latency",
              &knowing->figures);
  }
}

/* Whether the search can start from it: a script can repeat it, and it ended well. */
static gboolean
is_start(const RegretPolicy *policy)
{
  return policy->same_as < 0 && !policy->config.overflow->needs_tier &&
         isfinite(policy->figures.mean_latency_s);
}

/* Set by Ctrl-C and SIGTERM. The one piece of state that a signal handler can reach. */
static volatile sig_atomic_t stop_seen;

static void
on_stop(int signal_number)
{
  stop_seen = 1;
  signal(signal_number, SIG_DFL);
}

/* The best policy's search may take half, the others share the other half. */
static SearchBudget
share_of(const SearchBudget *budget, guint i, guint n)
{
  guint64 of = i == 0 ? (n > 1 ? 2 : 1) : 2 * ((guint64)n - 1);
  gint64 now_us = g_get_monotonic_time();

  return (SearchBudget){
      .plays = budget->plays / of + (i == 0 && n > 1 ? budget->plays % 2 : 0),
      .deadline_us = budget->deadline_us == G_MAXINT64 ? G_MAXINT64
                                                       : now_us + budget->deadline_us / (gint64)of,
      .stop = &stop_seen,
  };
}

static void
search_each(Regret *regret, const Players *players, const SearchBudget *budget)
{
  GArray *policies = regret->policies;
  guint n = 0, place = 0;

  for (guint i = 0; i < policies->len; i++)
    n += is_start(&g_array_index(policies, RegretPolicy, i)) ? 1 : 0;
  for (guint i = 0; i < policies->len; i++) {
    RegretPolicy *policy = &g_array_index(policies, RegretPolicy, i);
    SearchBudget share;
    SchedulerConfig config = policy->config;
    if (!is_start(policy))
      continue;
    share = share_of(budget, place++, n);
    config.num_cpu_blocks = MAX(config.num_cpu_blocks, regret->field->num_cpu_blocks);
    search_run(players, &regret->field->space, &config, &policy->figures, &share, &policy->search);
    regret->plays += policy->search.plays;
  }
}

/* Plays all schedules, in the time that the searches left. */
static void
try_everything(Regret *regret, const Players *players, const SearchBudget *budget, gint64 began_us)
{
  const Scenario *first = g_ptr_array_index(regret->field->scenarios, 0);
  const SearchBudget rest = {
      .deadline_us =
          budget->deadline_us == G_MAXINT64 ? G_MAXINT64 : began_us + budget->deadline_us,
      .stop = &stop_seen,
  };
  SchedulerConfig config = first->config;

  config.num_cpu_blocks = MAX(config.num_cpu_blocks, regret->field->num_cpu_blocks);
  exhaustive_run(players, &regret->field->space, &config, &rest, &regret->exhaustive);
  regret->has_exhaustive = TRUE;
}

/* Ctrl-C and SIGTERM end the search, and what it found is told; the second one ends it at once. */
static void
search_all(Regret *regret, const Players *players, const RegretRequest *request)
{
  void (*on_int)(int) = signal(SIGINT, on_stop);
  void (*on_term)(int) = signal(SIGTERM, on_stop);
  const gint64 began_us = g_get_monotonic_time();

  search_each(regret, players, &request->budget);
  if (request->exhaustive && stop_seen == 0)
    try_everything(regret, players, &request->budget, began_us);
  signal(SIGINT, on_int);
  signal(SIGTERM, on_term);
  regret->is_interrupted = stop_seen != 0;
}

static void
choose_best(Regret *regret)
{
  regret->best = g_array_index(regret->policies, RegretPolicy, 0).figures;
  regret->found.mean_latency_s = INFINITY;
  for (guint i = 0; i < regret->policies->len; i++) {
    const Search *search = &g_array_index(regret->policies, RegretPolicy, i).search;
    if (!search->ran)
      continue;
    if (search_is_better(search->best.mean_latency_s, regret->found.mean_latency_s))
      regret->found = search->best;
    if (search_is_better(search->best.mean_latency_s, regret->best.mean_latency_s)) {
      regret->best = search->best;
      regret->best_from = (gint)i;
    }
  }
  if (regret->has_exhaustive &&
      search_is_better(regret->exhaustive.best.mean_latency_s, regret->best.mean_latency_s)) {
    regret->best = regret->exhaustive.best;
    regret->best_from = -1;
  }
}

double
regret_gap(const Regret *regret)
{
  const Exhaustive *exhaustive = &regret->exhaustive;

  if (!regret->has_exhaustive || !exhaustive->is_whole || !isfinite(regret->found.mean_latency_s) ||
      !(exhaustive->best.mean_latency_s > 0))
    return NAN;
  return regret->found.mean_latency_s / exhaustive->best.mean_latency_s - 1;
}

/* What the runs have in common. */
static void
fill_header(Regret *regret)
{
  const Scenario *first = g_ptr_array_index(regret->field->scenarios, 0);
  const Workload *workload = regret->workload;
  RunRecord *header = &regret->header;

  header->num_gpu_blocks = first->config.num_gpu_blocks;
  header->num_cpu_blocks = regret->field->num_cpu_blocks;
  header->config = json_copy(first->settings);
  json_object_del(header->config, "overflow");
  json_object_del(header->config, "victim");
  header->summary.requests = workload_count(workload);
  for (guint32 i = 0; i < workload_count(workload); i++)
    header->summary.prompt_tokens += workload_request(workload, i)->prompt_tokens;
}

static gboolean
check_one_ended_well(const Regret *regret, GError **error)
{
  const RegretPolicy *first = &g_array_index(regret->policies, RegretPolicy, 0);

  if (isfinite(first->figures.mean_latency_s))
    return TRUE;
  g_set_error(error, REGRET_ERROR, REGRET_ERROR_ENDED,
              "under no policy did the engine end well: 'spillway run' says why");
  return FALSE;
}

Regret *
regret_new(const RegretRequest *request, GError **error)
{
  g_autoptr(Regret) regret = g_new0(Regret, 1);
  Players players = {.workload = request->workload,
                     .stride = !request->settings->no_stride,
                     .unit_copy_steps = (guint32)request->settings->unit_copy_steps,
                     .kept = request->kept};

  regret->workload = request->workload;
  regret->policies = g_array_new(FALSE, FALSE, sizeof(RegretPolicy));
  regret->bounds = g_array_new(FALSE, FALSE, sizeof(RegretBound));
  regret->field = regret_field_new(request->settings, request->n_threads, request->verb, error);
  if (regret->field == NULL)
    return NULL;
  players.scenarios = regret->field->players;
  fill_header(regret);
  list_policies(regret);
  play_policies(regret, &players);
  if (!check_one_ended_well(regret, error))
    return NULL;
  play_bounds(regret, &players);
  search_all(regret, &players, request);
  choose_best(regret);
  return g_steal_pointer(&regret);
}

void
regret_free(Regret *regret)
{
  if (regret == NULL)
    return;
  for (guint i = 0; i < regret->policies->len; i++)
    search_clear(&g_array_index(regret->policies, RegretPolicy, i).search);
  g_array_unref(regret->policies);
  g_array_unref(regret->bounds);
  exhaustive_clear(&regret->exhaustive);
  g_clear_pointer(&regret->header.config, json_decref);
  regret_field_free(regret->field);
  g_free(regret);
}
