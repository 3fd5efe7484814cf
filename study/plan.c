/* A cell's identity is a digest of all that decides its run (identity.h); where its settings cannot
 * be resolved, of the options as they are given. */
#include "config.h"

#include "plan.h"

#include "identity.h"
#include "scenario/workload/workload_source.h"

#include <stdlib.h>
#include <string.h>

static char *
identity_of_refused(const Study *study, const StudyCell *cell)
{
  g_autoptr(GString) text = g_string_new("refused " PACKAGE_VERSION);

  for (guint i = 0; i < study->run->len; i++) {
    const StudyOption *option = g_ptr_array_index(study->run, i);
    g_string_append_printf(text, "\n%s=%s", option->name, option->texts[0]);
  }
  g_string_append_printf(text, "\n%s\n%" G_GUINT64_FORMAT, cell->name, cell->seed);
  return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
}

static void
name_cell(const Study *study, StudyCell *cell)
{
  g_autoptr(GString) name = g_string_new(NULL);

  cell->values = g_new0(char *, study->grid->len + 1);
  for (guint i = 0; i < study->grid->len; i++) {
    const StudyOption *option = g_ptr_array_index(study->grid, i);
    const char *text = option->texts[study_choice(study, cell->point, i)];
    cell->values[i] = g_strdup(text);
    g_string_append_printf(name, "%s%s=%s", i > 0 ? " " : "", option->name, text);
  }
  cell->name = g_strdup(study->grid->len > 0 ? name->str : study->name);
  cell->run_name = study->seeds->len > 1
                       ? g_strdup_printf("%s seed=%" G_GUINT64_FORMAT, cell->name, cell->seed)
                       : g_strdup(cell->name);
}

static void
add_cell(StudyPlan *plan, Shelf *shelf, guint point, guint seed)
{
  g_autoptr(Settings) settings = study_settings(plan->study, point, seed);
  g_autoptr(GError) cause = NULL;
  char *measure = NULL;
  StudyCell cell = {.point = point, .seed = g_array_index(plan->study->seeds, guint64, seed)};

  name_cell(plan->study, &cell);
  cell.identity = run_identity(settings, shelf, &measure, &cause);
  if (cell.identity == NULL)
    cell.identity = identity_of_refused(plan->study, &cell);
  g_array_append_val(plan->table.cells, cell);
  g_ptr_array_add(plan->measures, measure);
  g_ptr_array_add(plan->refusals, cause != NULL ? g_strdup(cause->message) : NULL);
}

/* The line of the option that a message begins with ("--device: …"), 0 where it has none. */
static guint
line_of_message(const Study *study, const char *message)
{
  const GPtrArray *const lists[] = {study->run, study->grid};

  for (guint l = 0; g_str_has_prefix(message, "--") && l < G_N_ELEMENTS(lists); l++)
    for (guint i = 0; i < lists[l]->len; i++) {
      const StudyOption *option = g_ptr_array_index(lists[l], i);
      gsize length = strlen(option->name);
      if (strncmp(message + 2, option->name, length) == 0 && strchr(": ", message[2 + length]))
        return option->line;
    }
  return 0;
}

static gboolean
refuse(const Study *study, guint line, const char *message, GError **error)
{
  if (line > 0)
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s:%u: %s", study->path, line,
                message);
  else
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "%s%s%s", study->path,
                *study->path != '\0' ? ": " : "", message);
  return FALSE;
}

/* One cell that cannot be run may be a combination that makes no sense; a value of whose cells none
 * can be run is a mistake. */
static gboolean
check_value(const StudyPlan *plan, guint option, guint choice, GError **error)
{
  const StudyOption *of = g_ptr_array_index(plan->study->grid, option);
  const char *first = NULL;
  g_autofree char *message = NULL;

  for (guint i = 0; i < plan->table.cells->len; i++) {
    const StudyCell *cell = &g_array_index(plan->table.cells, StudyCell, i);
    const char *refusal = g_ptr_array_index(plan->refusals, i);
    if (study_choice(plan->study, cell->point, option) != choice)
      continue;
    if (refusal == NULL)
      return TRUE;
    if (first == NULL)
      first = refusal;
  }
  message =
      g_strdup_printf("no cell can be run with %s = %s: %s", of->name, of->texts[choice], first);
  return refuse(plan->study, of->line, message, error);
}

static gboolean
check_refusals(const StudyPlan *plan, GError **error)
{
  guint n_refused = 0;
  const char *first = NULL;

  for (guint i = 0; i < plan->refusals->len; i++)
    if (g_ptr_array_index(plan->refusals, i) != NULL) {
      n_refused++;
      if (first == NULL)
        first = g_ptr_array_index(plan->refusals, i);
    }
  if (n_refused == plan->refusals->len)
    return refuse(plan->study, line_of_message(plan->study, first), first, error);
  for (guint i = 0; n_refused > 0 && i < plan->study->grid->len; i++) {
    const StudyOption *option = g_ptr_array_index(plan->study->grid, i);
    for (guint choice = 0; option->texts[choice] != NULL; choice++)
      if (!check_value(plan, i, choice, error))
        return FALSE;
  }
  return TRUE;
}

typedef struct {
  gboolean is_first; /* of the cells whose slowdown is measured by the same unlimited run */
  char *trace;
  guint cell;
} Place;

static int
compare_places(const void *a, const void *b)
{
  const Place *x = a, *y = b;
  int by_trace = strcmp(x->trace, y->trace);

  if (x->is_first != y->is_first)
    return y->is_first - x->is_first;
  return by_trace != 0 ? by_trace : (x->cell > y->cell) - (x->cell < y->cell);
}

/* First one cell of each group that shares an unlimited run: it makes that run, and the others find
 * it. Then the cells of one trace together, as a worker keeps the requests that it read last. */
static void
order_cells(StudyPlan *plan)
{
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  guint n = plan->table.cells->len;
  Place *places = g_new(Place, n);

  plan->order = g_new(guint, n);
  for (guint i = 0; i < n; i++) {
    g_autoptr(Settings) s = study_plan_settings(plan, i);
    char *measure = g_ptr_array_index(plan->measures, i);
    places[i] =
        (Place){measure != NULL && g_hash_table_add(seen, measure), workload_source_key(s), i};
  }
  qsort(places, n, sizeof *places, compare_places);
  for (guint i = 0; i < n; i++) {
    plan->order[i] = places[i].cell;
    g_free(places[i].trace);
  }
  g_free(places);
}

StudyPlan *
study_plan_new(const Study *study, Shelf *shelf, GError **error)
{
  g_autoptr(StudyPlan) plan = g_new0(StudyPlan, 1);
  StudyTable *table = &plan->table;

  plan->study = study;
  plan->refusals = g_ptr_array_new_with_free_func(g_free);
  plan->measures = g_ptr_array_new_with_free_func(g_free);
  table->name = study->name;
  table->file = study->path;
  table->n_points = study_points(study);
  table->n_seeds = study->seeds->len;
  table->options = g_new0(char *, study->grid->len + 1);
  for (guint i = 0; i < study->grid->len; i++)
    table->options[i] = g_strdup(((StudyOption *)g_ptr_array_index(study->grid, i))->name);
  table->cells = g_array_new(FALSE, TRUE, sizeof(StudyCell));
  g_array_set_clear_func(table->cells, (GDestroyNotify)study_cell_clear);
  for (guint point = 0; point < table->n_points; point++)
    for (guint seed = 0; seed < table->n_seeds; seed++)
      add_cell(plan, shelf, point, seed);
  if (!check_refusals(plan, error))
    return NULL;
  order_cells(plan);
  return g_steal_pointer(&plan);
}

void
study_plan_free(StudyPlan *plan)
{
  if (plan == NULL)
    return;
  g_strfreev(plan->table.options);
  g_clear_pointer(&plan->table.cells, g_array_unref);
  g_ptr_array_unref(plan->refusals);
  g_ptr_array_unref(plan->measures);
  g_free(plan->order);
  g_free(plan);
}

Settings *
study_plan_settings(const StudyPlan *plan, guint cell)
{
  guint n_seeds = plan->study->seeds->len;

  return study_settings(plan->study, cell / n_seeds, cell % n_seeds);
}

char *
study_plan_digest(const StudyPlan *plan)
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

  for (guint i = 0; i < plan->table.cells->len; i++)
    g_checksum_update(sum, (const guchar *)g_array_index(plan->table.cells, StudyCell, i).identity,
                      -1);
  return g_strdup(g_checksum_get_string(sum));
}
