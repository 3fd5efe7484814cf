/* spillway list: the tables of names that options take. */
#include "cli.h"

#include <stdio.h>

#include "calib/store/text.h"
#include "models/model_config.h"
#include "report/figures.h"
#include "scenario/executors.h"
#include "scenario/resolve.h"
#include "scenario/scenario.h"
#include "sim/units.h"
#include "cli/trace/trace.h"
#include "traces/trace.h"
#include "scenario/shipped.h"
#include "scenario/workload/trace_name.h"

typedef struct {
  const char *name;
  const char *help;
  void (*each)(gboolean names_only);
} Kind;

static void
print_entry(const char *name, const char *help, gboolean names_only)
{
  if (names_only)
    printf("%s\n", name);
  else if (*help == '\0')
    printf("  %s\n", name);
  else
    printf("  %-24s %s\n", name, help);
}

static void
list_verbs(gboolean names_only)
{
  for (guint i = 0; commands[i].name != NULL; i++)
    print_entry(commands[i].name, commands[i].summary, names_only);
}

static void
print_scheduler(const SchedulerClass *scheduler, const char *name, gboolean names_only)
{
  print_entry(name, scheduler->help, names_only);
  if (!names_only)
    printf("  %-24s %s\n", "", scheduler->evidence);
}

static void
list_schedulers(gboolean names_only)
{
  g_autofree const char **names = scheduler_names();

  for (guint i = 0; names[i] != NULL; i++)
    print_scheduler(scheduler_class_from_name(names[i], NULL), names[i], names_only);
}

static void
list_policies(PolicyKindIndex kind, gboolean names_only)
{
  const Policy *policy;

  for (guint i = 0; (policy = policy_kinds[kind].entry(i)) != NULL; i++) {
    print_entry(policy->name, policy->help, names_only);
    for (const PolicyOption *o = policy->options; o->name != NULL && !names_only; o++)
      printf("    --%s %s: %s (default %.15g)\n", o->name, o->argument, o->help, o->fallback);
  }
}

static void
list_overflow(gboolean names_only)
{
  list_policies(POLICY_OVERFLOW, names_only);
}

static void
list_victims(gboolean names_only)
{
  list_policies(POLICY_VICTIM, names_only);
}

static void
list_figures(gboolean names_only)
{
  guint n;
  const Figure *all = figures(&n);

  for (guint i = 0; i < n; i++)
    print_entry(all[i].key, all[i].help, names_only);
}

static void
list_admission(gboolean names_only)
{
  list_policies(POLICY_ADMISSION, names_only);
}

static void
list_routers(gboolean names_only)
{
  list_policies(POLICY_ROUTER, names_only);
}

static void
list_executors(gboolean names_only)
{
  for (guint i = 0; executors[i] != NULL; i++)
    print_entry(executors[i]->name, executors[i]->help, names_only);
}

static void
list_trace_formats(gboolean names_only)
{
  for (guint i = 0; trace_formats[i] != NULL; i++)
    print_entry(trace_formats[i]->name, trace_formats[i]->help, names_only);
}

static void
list_devices(gboolean names_only)
{
  g_auto(GStrv) names = shipped_names("devices", ".ini");

  for (guint i = 0; names[i] != NULL; i++) {
    g_autoptr(Device) device = resolve_device(names[i], NULL);
    print_entry(names[i], device != NULL ? device->title : "(unreadable)", names_only);
  }
}

static void
list_hosts(gboolean names_only)
{
  g_auto(GStrv) names = shipped_names("hosts", ".ini");

  for (guint i = 0; names[i] != NULL; i++) {
    g_autoptr(Host) host = resolve_host(names[i], NULL, NULL, NULL);
    print_entry(names[i], host != NULL ? host->title : "(unreadable)", names_only);
  }
}

static void
list_disks(gboolean names_only)
{
  g_auto(GStrv) names = shipped_names("disks", ".ini");

  for (guint i = 0; names[i] != NULL; i++) {
    g_autoptr(DiskFigures) disk = resolve_disk(names[i], NULL);
    print_entry(names[i], disk != NULL ? disk->title : "(unreadable)", names_only);
  }
}

static void
list_profiles(gboolean names_only)
{
  g_auto(GStrv) names = resolve_profile_names();

  for (guint i = 0; names[i] != NULL; i++) {
    g_autofree char *path = names_only ? NULL : resolve_profile_file(names[i]);
    g_autoptr(Profile) profile = path != NULL ? profile_text_read_head(path, NULL) : NULL;
    g_autofree char *help = profile != NULL ? g_strdup_printf("measurements of %s", profile->device)
                                            : g_strdup("(unreadable)");
    print_entry(names[i], help, names_only);
  }
}

static void
list_models(gboolean names_only)
{
  g_auto(GStrv) names = shipped_names("models", ".json");

  for (guint i = 0; names[i] != NULL; i++) {
    g_autoptr(Model) model = resolve_model(names[i], NULL);
    g_autofree char *help = model == NULL
                                ? g_strdup("(unreadable)")
                                : g_strdup_printf("%.2f B parameters, %.0f KiB of KV a token",
                                                  (double)model_parameters(model) / 1e9,
                                                  (double)model_kv_bytes_per_token(model) / 1024);
    print_entry(names[i], help, names_only);
  }
}

static void
list_families(gboolean names_only)
{
  const char *name;

  for (guint i = 0; (name = model_config_family(i)) != NULL; i++)
    print_entry(name, "", names_only);
}

/* "400 requests over 281 s, mean 1144 + 217 tokens"; the caller's. */
static char *
describe_trace(const char *name)
{
  g_autofree char *path = trace_name_path(name, NULL);
  g_autoptr(Workload) workload = path != NULL ? trace_read(path, NULL, NULL, NULL) : NULL;
  guint32 n = workload != NULL ? workload_count(workload) : 0;
  double prompt = 0, output = 0;

  if (n == 0)
    return g_strdup("(unreadable)");
  for (guint32 i = 0; i < n; i++) {
    prompt += workload_request(workload, i)->prompt_tokens;
    output += workload_request(workload, i)->output_tokens;
  }
  return g_strdup_printf("%u requests over %.0f s, on average %.0f prompt and %.0f output tokens",
                         n, ps_to_s(workload_request(workload, n - 1)->arrival_ps), prompt / n,
                         output / n);
}

static void
list_traces(gboolean names_only)
{
  static const char *const suffixes[] = {".csv", ".jsonl"};

  for (guint i = 0; i < G_N_ELEMENTS(suffixes); i++) {
    g_auto(GStrv) names = shipped_names("traces", suffixes[i]);
    for (guint j = 0; names[j] != NULL; j++) {
      g_autofree char *help = names_only ? NULL : describe_trace(names[j]);
      print_entry(names[j], help, names_only);
    }
  }
}

static const Kind kinds[] = {
    {"verbs", "what spillway does", list_verbs},
    {"schedulers", "--scheduler: what an engine does each step", list_schedulers},
    {"overflow", "--overflow: what happens to a victim's KV", list_overflow},
    {"victims", "--victim: who is preempted", list_victims},
    {"admission", "--admission: whether a waiting request may join what runs", list_admission},
    {"routers", "--router: which of several engines gets a request", list_routers},
    {"executors", "--executor: where the time of a step comes from", list_executors},
    {"figures", "--figure: what a run is measured by, the keys of JSON and CSV", list_figures},
    {"devices", "--device: shipped devices", list_devices},
    {"hosts", "--host: shipped hosts", list_hosts},
    {"disks", "--disk: shipped disks", list_disks},
    {"profiles", "--device: shipped profiles, measured costs of a device", list_profiles},
    {"models", "--model: built-in models", list_models},
    {"families", "--model: what model_type a config.json may have", list_families},
    {"traces", "--trace: shipped traces", list_traces},
    {"trace-formats", "--trace-format: the forms of traces", list_trace_formats},
};

static int
list_kind(const char *name, gboolean names_only)
{
  const char *names[G_N_ELEMENTS(kinds) + 1] = {NULL};
  g_autofree char *all = NULL;
  const char *near;

  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    names[i] = kinds[i].name;
    if (g_str_equal(kinds[i].name, name)) {
      kinds[i].each(names_only);
      return CLI_DONE;
    }
  }
  near = typed_nearest(name, names);
  if (near != NULL)
    return cli_error(CLI_USAGE, "list", "there is no list of '%s'; did you mean %s?", name, near);
  all = g_strjoinv(", ", (char **)names);
  return cli_error(CLI_USAGE, "list", "there is no list of '%s', expected one of %s", name, all);
}

/* The caller's. */
static char *
summary_of_kinds(void)
{
  GString *text =
      g_string_new("Lists the names that options take: those of one KIND, or all.\n\nLists:");

  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    g_string_append_printf(text, "\n  %-14s %s", kinds[i].name, kinds[i].help);
  return g_string_free(text, FALSE);
}

int
command_list(int argc, char **argv)
{
  gboolean names_only = FALSE;
  const GOptionEntry entries[] = {
      {"names", 0, 0, G_OPTION_ARG_NONE, &names_only, "only the names, one a line", NULL},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  g_autofree char *summary = summary_of_kinds();
  int status;
  const VerbOptions usage = {.name = "list",
                             .arguments = "[KIND]",
                             .summary = summary,
                             .examples = "Examples:\n  spillway list\n  spillway list devices\n"
                                         "  spillway list models --names",
                             .own = entries};

  if (!verb_parse(&usage, &argc, &argv, &status))
    return status;
  if (argc > 2)
    return cli_error(CLI_USAGE, "list", "found '%s' after '%s', expected one kind", argv[2],
                     argv[1]);
  if (argc == 2)
    return list_kind(argv[1], names_only);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
    if (!names_only)
      printf("%s%s (%s)\n", i > 0 ? "\n" : "", kinds[i].name, kinds[i].help);
    kinds[i].each(names_only);
  }
  return CLI_DONE;
}
