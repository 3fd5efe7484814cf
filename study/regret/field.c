#include "field.h"

#include "scenario/message.h"
#include "scenario/settings_policies.h"

/* The policies to compare. */
typedef struct {
  char **names;
  gboolean is_all; /* all that there are: they were not named one by one */
} NameList;

typedef struct {
  const Settings *settings;
  const char *verb;
  NameList lists[POLICY_KINDS]; /* of overflow and victim */
} Names;

static void
names_clear(Names *names)
{
  for (guint k = 0; k < POLICY_KINDS; k++)
    g_strfreev(names->lists[k].names);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Names, names_clear)

static gboolean
read_list(NameList *list, PolicyKindIndex index, const char *text, GError **error)
{
  const PolicyKind *kind = &policy_kinds[index];

  list->is_all = text == NULL || g_str_equal(text, "all");
  list->names = settings_policy_list(kind, text != NULL ? text : "all", error);
  for (guint i = 0; list->names != NULL && list->names[i] != NULL && !list->is_all; i++)
    if (policy_is_bound(kind, list->names[i])) {
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "--%s: found %s, which is a bound: expected policies, they are held against it",
                  kind->option, list->names[i]);
      return FALSE;
    }
  return list->names != NULL;
}

/* NULL: as if it had not been given. The options of others in the list are left out. */
static gboolean
choose(Settings *settings, PolicyKindIndex index, const char *name, const NameList *list,
       GError **error)
{
  const PolicyKind *kind = &policy_kinds[index];
  char **field = index == POLICY_OVERFLOW ? &settings->overflow : &settings->victim;

  g_clear_pointer(field, g_free);
  settings_forget(settings, kind->option);
  settings_forget_others(settings, kind, name != NULL ? name : kind->entry(0)->name,
                         (const char *const *)list->names);
  return name == NULL || settings_set(settings, kind->option, name, error);
}

/* The scenario under these policies; NULL: the default. */
static Scenario *
scenario_under(const Names *names, const char *overflow, const char *victim, gboolean quiet,
               GError **error)
{
  g_autoptr(Settings) one = settings_copy(names->settings);
  g_autoptr(Scenario) scenario = NULL;

  if (!choose(one, POLICY_OVERFLOW, overflow, &names->lists[POLICY_OVERFLOW], error) ||
      !choose(one, POLICY_VICTIM, victim, &names->lists[POLICY_VICTIM], error) ||
      (scenario = scenario_new(one, names->verb, quiet, error)) == NULL ||
      !scenario_runs_among_others(scenario, error))
    return NULL;
  if (scenario_engines(scenario) > 1 || scenario->config.pipeline_parallel_size > 1) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--instances, --data-parallel-size, --pipeline-parallel-size: schedules are "
                "searched of one "
                "engine of one stage");
    return NULL;
  }
  return g_steal_pointer(&scenario);
}

/* The default is not named, since an engine may refuse all names. */
static const char *
name_or_default(const NameList *list, guint i)
{
  return list->is_all && i == 0 ? NULL : list->names[i];
}

/* The list's i-th policy cannot run here (`mine` says why). TRUE: it is left out with a note, as
 * all were asked for and it is not the default. FALSE: that is the error. */
static gboolean
is_left_out(const Names *names, PolicyKindIndex index, guint i, GError **mine, GError **error)
{
  const NameList *list = &names->lists[index];

  if (!list->is_all || i == 0) {
    g_propagate_error(error, g_steal_pointer(mine));
    return FALSE;
  }
  cli_note(names->verb, "left out: %s", (*mine)->message);
  return TRUE;
}

static gboolean
add_overflow_policies(RegretField *field, const Names *names, GError **error)
{
  const NameList *list = &names->lists[POLICY_OVERFLOW];

  for (guint i = 0; list->names[i] != NULL; i++) {
    g_autoptr(GError) mine = NULL;
    Scenario *scenario;
    if (policy_is_bound(&policy_kinds[POLICY_OVERFLOW], list->names[i]))
      continue;
    scenario = scenario_under(names, name_or_default(list, i), NULL, list->is_all || i > 0, &mine);
    if (scenario != NULL && (list->is_all || i > 0))
      scenario_tell_doubts(scenario, field->scenarios, names->verb);
    if (scenario != NULL)
      g_ptr_array_add(field->scenarios, scenario);
    else if (!is_left_out(names, POLICY_OVERFLOW, i, &mine, error))
      return FALSE;
  }
  return TRUE;
}

/* How the first scenario's overflow policy was named. */
static const char *
first_overflow(const RegretField *field)
{
  const Scenario *first = g_ptr_array_index(field->scenarios, 0);

  return first->config.overflow == overflow_policies[0] ? NULL : first->config.overflow->base.name;
}

static gboolean
add_victim_policies(RegretField *field, const Names *names, GError **error)
{
  const NameList *list = &names->lists[POLICY_VICTIM];

  for (guint i = 0; list->names[i] != NULL; i++) {
    g_autoptr(GError) mine = NULL;
    g_autoptr(Scenario) scenario = NULL;
    if (policy_is_bound(&policy_kinds[POLICY_VICTIM], list->names[i]))
      continue;
    scenario = scenario_under(names, first_overflow(field), name_or_default(list, i), TRUE, &mine);
    if (scenario == NULL && !is_left_out(names, POLICY_VICTIM, i, &mine, error))
      return FALSE;
    if (scenario != NULL) {
      const ScriptPick pick = {scenario->config.victim, scenario->config.victim_options};
      g_array_append_val(field->victims, pick);
    }
  }
  return TRUE;
}

/* Policies that only choose between recompute and swap. */
static gboolean
is_choice_of_others(const OverflowPolicy *policy)
{
  return policy == &overflow_auto || policy == &overflow_threshold;
}

/* All actions that this engine can do with a victim, and all victim policies. */
static void
fill_space(RegretField *field, const Names *names)
{
  ScriptSpace *space = &field->space;

  for (guint i = 0; overflow_policies[i] != NULL && space->n_actions < SCRIPT_POLICIES_MAX; i++) {
    const OverflowPolicy *policy = overflow_policies[i];
    g_autoptr(Scenario) scenario = NULL;
    if (policy->base.is_bound || policy->needs_tier || is_choice_of_others(policy))
      continue;
    scenario = scenario_under(names, i == 0 ? NULL : policy->base.name, NULL, TRUE, NULL);
    if (scenario == NULL)
      continue;
    space->actions[space->n_actions++] = (ScriptAction){policy, scenario->config.overflow_options};
    field->num_cpu_blocks = MAX(field->num_cpu_blocks, scenario->config.num_cpu_blocks);
  }
  for (guint i = 0; victim_policies[i] != NULL && space->n_picks < SCRIPT_POLICIES_MAX; i++)
    space->picks[space->n_picks++] = (ScriptPick){
        victim_policies[i], settings_policy_values(names->settings, &victim_policies[i]->base)};
}

/* Whoever is admitted by known lengths, under the first policies; NULL where that cannot be had. */
static Scenario *
known_lengths_of(const RegretField *field, const Names *names)
{
  g_autoptr(Settings) knowing = settings_copy(names->settings);
  Names own = *names;

  own.settings = knowing;
  if (!settings_set(knowing, "admission", admission_known_lengths.base.name, NULL))
    return NULL;
  return scenario_under(&own, first_overflow(field), NULL, TRUE, NULL);
}

/* Threads beyond the first have its scenario again. */
static gboolean
add_players(RegretField *field, const Names *names, guint n, GError **error)
{
  for (guint i = 0; i < n; i++) {
    Scenario *scenario = scenario_under(names, first_overflow(field), NULL, TRUE, error);
    if (scenario == NULL)
      return FALSE;
    g_ptr_array_add(field->players, scenario);
  }
  return TRUE;
}

RegretField *
regret_field_new(const Settings *settings, guint n_threads, const char *verb, GError **error)
{
  g_auto(Names) names = {.settings = settings, .verb = verb};
  g_autoptr(RegretField) field = g_new0(RegretField, 1);

  field->scenarios = g_ptr_array_new_with_free_func((GDestroyNotify)scenario_free);
  field->players = g_ptr_array_new_with_free_func((GDestroyNotify)scenario_free);
  field->victims = g_array_new(FALSE, FALSE, sizeof(ScriptPick));
  if (!read_list(&names.lists[POLICY_OVERFLOW], POLICY_OVERFLOW, settings->overflow, error) ||
      !read_list(&names.lists[POLICY_VICTIM], POLICY_VICTIM, settings->victim, error) ||
      !add_overflow_policies(field, &names, error) || !add_victim_policies(field, &names, error) ||
      !add_players(field, &names, n_threads, error))
    return NULL;
  fill_space(field, &names);
  field->swap_free = scenario_under(&names, overflow_swap_free.base.name, NULL, TRUE, NULL);
  field->known_lengths = known_lengths_of(field, &names);
  return g_steal_pointer(&field);
}

void
regret_field_free(RegretField *field)
{
  if (field == NULL)
    return;
  g_ptr_array_unref(field->scenarios);
  g_ptr_array_unref(field->players);
  g_array_unref(field->victims);
  scenario_free(field->swap_free);
  scenario_free(field->known_lengths);
  g_free(field);
}
