/* What a sweep prints: its cells, its results, and what went wrong. */
#include "sweep.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "scenario/workload/workload_source.h"
#include "study/store/text.h"
#include "traces/shell_word.h"

gboolean
sweep_is_ours(const Sweep *s, guint place)
{
  return place % s->n_shards == s->shard - 1;
}

void
sweep_say_replicas(const Sweep *s)
{
  gboolean generated = FALSE;

  for (guint i = 0; !generated && i < s->plan->table.n_points; i++) {
    g_autoptr(Settings) settings = study_settings(s->study, i, 0);
    generated = workload_is_seeded(settings);
  }
  if (!generated && s->study->seeds->len > 1)
    cli_note(SWEEP_VERB,
             "%s: no trace of this study is generated, so its %u seeds give the same result %u "
             "times; one is enough",
             s->study->path, s->study->seeds->len, s->study->seeds->len);
}

static guint
count(const Sweep *s, CellState state, gboolean ours_only)
{
  guint n = 0;

  for (guint i = 0; i < s->plan->table.cells->len; i++)
    n += g_array_index(s->plan->table.cells, StudyCell, s->plan->order[i]).state == state &&
         (!ours_only || sweep_is_ours(s, i));
  return n;
}

int
sweep_print_cells(const Sweep *s)
{
  static const char *const states[] = {"to run", "done", "ended badly", "failed, to run again"};
  guint n_ours = 0;

  for (guint i = 0; i < s->plan->table.cells->len; i++) {
    guint index = s->plan->order[i];
    const StudyCell *cell = &g_array_index(s->plan->table.cells, StudyCell, index);
    const char *refusal = g_ptr_array_index(s->plan->refusals, index);
    if (!sweep_is_ours(s, i))
      continue;
    n_ours++;
    const char *why = refusal != NULL ? refusal : cell->message;
    g_autofree char *line =
        g_strconcat(refusal != NULL ? "cannot be run" : states[cell->state], "  ", cell->run_name,
                    why != NULL ? ": " : "", why != NULL ? why : "", "\n", NULL);
    cli_print(line);
  }
  printf("%u cells", n_ours);
  if (s->n_shards > 1)
    printf(" of %u, shard %u of %u", s->plan->table.cells->len, s->shard, s->n_shards);
  printf(": %u done, %u to run\n", count(s, CELL_DONE, TRUE) + count(s, CELL_ENDED, TRUE),
         count(s, CELL_PENDING, TRUE) + count(s, CELL_FAILED, TRUE));
  return CLI_DONE;
}

guint
sweep_count_done(const Sweep *s)
{
  return count(s, CELL_DONE, FALSE);
}

/* Whether the shell leaves the text as it is between double quotes. */
static gboolean
is_plain_query(const char *text)
{
  return strpbrk(text, "$`\"\\!") == NULL;
}

/* Prints the next commands, quoted so that they can be pasted into a shell whatever the names are.
 */
static void
print_next(const char *path, const char *study)
{
  g_auto(GStrv) parts = g_strsplit(study, "'", -1);
  g_autofree char *name = g_strjoinv("''", parts);
  g_autofree char *query = g_strdup_printf("SELECT * FROM point_summary WHERE study = '%s'", name);
  g_autofree char *file = shell_word(path);
  g_autofree char *word =
      is_plain_query(query) ? g_strdup_printf("\"%s\"", query) : g_shell_quote(query);
  g_autofree char *text = g_strdup_printf(
      "\nNext: spillway report %s -o report.html\n      sqlite3 %s %s\n", file, file, word);

  cli_print(text);
}

int
sweep_print_results(const Sweep *s)
{
  g_autoptr(GError) error = NULL;
  g_autofree char *text = s->format == OUTPUT_JSON ? study_json(s->results, &s->plan->table, &error)
                          : s->format == OUTPUT_CSV
                              ? study_csv(s->results, &s->plan->table, &error)
                              : study_text(s->results, &s->plan->table, &error);

  if (text == NULL)
    return cli_error(CLI_FAILED, SWEEP_VERB, "%s", error->message);
  output_format_print(s->format, text);
  if (s->format == OUTPUT_TABLE)
    print_next(s->options.output, s->plan->table.name);
  return CLI_DONE;
}

int
sweep_say_failures(const Sweep *s)
{
  guint n_bad = count(s, CELL_FAILED, TRUE) + count(s, CELL_ENDED, TRUE);
  const StudyCell *first = NULL;

  for (guint i = 0; first == NULL && i < s->plan->table.cells->len; i++) {
    const StudyCell *cell = &g_array_index(s->plan->table.cells, StudyCell, s->plan->order[i]);
    if (sweep_is_ours(s, i) && (cell->state == CELL_FAILED || cell->state == CELL_ENDED))
      first = cell;
  }
  if (first == NULL)
    return CLI_DONE;
  return cli_error(CLI_FAILED, SWEEP_VERB,
                   "%u of %u cells %s not done, such as %s: %s; all of them: 'spillway sweep %s -o "
                   "%s --dry-run', or in the database's table cell",
                   n_bad, s->plan->table.cells->len, n_bad == 1 ? "is" : "are", first->run_name,
                   first->message != NULL ? first->message : "no reason is known", s->study->path,
                   s->options.output);
}
