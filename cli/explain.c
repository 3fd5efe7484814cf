/* The verb `explain`: a results database in words. */
#include "report/explain/explain.h"

#include <stdio.h>
#include <string.h>

#include "cli.h"

#define VERB "explain"
#define DEFAULT_TOP 10
#define MOST_TOP 1000000

typedef struct {
  char *run, *request, *preemption, *top;
  gint64 run_id; /* 0: the last */
  gint64 sequence;
  guint top_n;
} Options;

static void
options_clear(Options *o)
{
  g_free(o->run);
  g_free(o->request);
  g_free(o->preemption);
  g_free(o->top);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

static gboolean
parse_number(const char *text, const char *what, guint64 min, guint64 max, guint64 fallback,
             guint64 *value, GError **error)
{
  *value = fallback;
  return text == NULL || typed_uint(text, what, min, max, value, error);
}

static gboolean
parse_values(Options *o, GError **error)
{
  guint64 run_id, sequence, top;

  if ((o->request != NULL) + (o->preemption != NULL) + (o->top != NULL) > 1) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "found several of --request, --preemption and --top, expected one");
    return FALSE;
  }
  if (o->run != NULL && strchr(o->run, ',') != NULL) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--run: found '%s', expected one run; 'spillway report' holds several against each "
                "other",
                o->run);
    return FALSE;
  }
  if (!parse_number(o->run, "--run", 1, G_MAXINT64, 0, &run_id, error) ||
      !parse_number(o->preemption, "--preemption", 0, G_MAXINT64, 0, &sequence, error) ||
      !parse_number(o->top, "--top", 1, MOST_TOP, DEFAULT_TOP, &top, error))
    return FALSE;
  o->run_id = (gint64)run_id;
  o->sequence = (gint64)sequence;
  o->top_n = (guint)top;
  return TRUE;
}

static int
explain(const char *path, Options *o)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Results) results = NULL;
  g_autofree char *text = NULL;

  if (!parse_values(o, &error) || (results = results_open_read(path, &error)) == NULL ||
      (o->run_id = explain_find_run(results, o->run_id, &error)) == 0)
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  text = o->request != NULL      ? explain_request(results, o->run_id, o->request, &error)
         : o->preemption != NULL ? explain_preemption(results, o->run_id, o->sequence, &error)
                                 : explain_run(results, o->run_id, o->top_n, &error);
  if (text == NULL)
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  cli_print(text);
  return CLI_DONE;
}

int
command_explain(int argc, char **argv)
{
  g_auto(Options) o = {0};
  const GOptionEntry entries[] = {
      {"run", 0, 0, G_OPTION_ARG_STRING, &o.run, "a run by its number (default: the last)", "N"},
      {"request", 0, 0, G_OPTION_ARG_STRING, &o.request, "why this request took so long", "ID"},
      {"preemption", 0, 0, G_OPTION_ARG_STRING, &o.preemption,
       "who was evicted for whom, by its number from 0, and at what cost", "N"},
      {"top", 0, 0, G_OPTION_ARG_STRING, &o.top,
       "how many of the worst requests to list (default 10)", "N"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  int status = CLI_DONE;
  const VerbOptions usage = {
      .name = VERB,
      .arguments = "RESULTS.db",
      .summary =
          "Says in words what a run of a results database did: how full the pool was, who was\n"
          "evicted and at what cost, what every other policy would have cost then, and which\n"
          "requests waited longest.",
      .examples = "Examples:\n"
                  "  spillway explain results.db\n"
                  "  spillway explain results.db --run 2 --request 17\n"
                  "  spillway explain results.db --preemption 0",
      .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc != 2)
    return argc < 2 ? cli_error(CLI_USAGE, VERB,
                                "a results database is missing; 'spillway run -o "
                                "FILE.db' writes one")
                    : cli_error(CLI_USAGE, VERB, "found %d files, expected one results database",
                                argc - 1);
  return explain(argv[1], &o);
}
