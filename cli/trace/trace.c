/* The verb `trace`: chooses the sub-verb, and converts traces. */
#include "trace.h"

#include "cli/cli.h"
#include "cli/program.h"
#include "cli/sub_verb.h"
#include "scenario/workload/trace_name.h"
#include "scenario/output_file.h"

#include <stdio.h>
#include <string.h>

static int command_convert(int argc, char **argv);

static const Command sub_verbs[] = {
    {"gen", "make a trace from distributions and a seed", command_trace_gen},
    {"convert", "write a trace in another form, cut or stretched", command_convert},
    {"show", "say what a trace is like: rates, lengths, histograms", command_trace_show},
    {NULL, NULL, NULL},
};

int
command_trace(int argc, char **argv)
{
  static const VerbFamily family = {
      .verb = "trace",
      .kinds = sub_verbs,
      .expected = "gen, convert or show ('spillway list traces' has those that ship)",
      .summary = "Makes, converts and shows traces of requests: when each arrives, and how many "
                 "tokens its\n"
                 "prompt and its output have.",
      .examples =
          "  spillway trace show chat-hour\n"
          "  spillway trace convert AzureLLMInferenceTrace_conv.csv -o conv.csv --limit 1000\n"
          "  spillway trace gen --requests 500 --rate 2 --prompt fixed:1500 --output "
          "uniform:64,512",
  };

  return verb_family_run(&family, argc, argv);
}

typedef struct {
  char *out, *to, *trace_format, *limit, *time_scale;
} ConvertOptions;

static void
convert_options_clear(ConvertOptions *options)
{
  g_free(options->out);
  g_free(options->to);
  g_free(options->trace_format);
  g_free(options->limit);
  g_free(options->time_scale);
}

static Workload *
read_part(const char *name, const ConvertOptions *options, TraceNotes *notes, GError **error)
{
  g_autofree char *path = NULL;
  guint64 limit = 0;
  double time_scale = 1;

  if (options->limit != NULL &&
      !typed_uint(options->limit, "--limit", 1, G_MAXUINT32, &limit, error))
    return NULL;
  if (options->time_scale != NULL &&
      !typed_real(options->time_scale, "--time-scale", 1e-9, 1e9, &time_scale, error))
    return NULL;
  path = trace_name_path(name, error);
  if (path == NULL)
    return NULL;
  return trace_read_part(path, options->trace_format, (guint32)limit, time_scale, notes, error);
}

static int
convert(const char *name, const ConvertOptions *options)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(TraceNotes) notes = trace_notes_new();
  g_autoptr(Workload) workload = NULL;
  const TraceFormat *to = NULL;
  static const char verb[] = "trace convert";

  if (!output_file_check(&(NamedFile){"-o", options->out}, 1, &(NamedFile){"TRACE", name}, 1,
                         &error) ||
      !trace_name_check_format(options->trace_format, &error) ||
      (to = trace_name_format_to_write(options->to, options->out, &error)) == NULL ||
      (workload = read_part(name, options, notes, &error)) == NULL)
    return cli_error(CLI_USAGE, verb, "%s", error->message);
  if (!trace_write(options->out, to, workload, NULL, notes, &error))
    return program_lost_reader() ? CLI_FAILED
                                 : cli_error(trace_write_status(error), verb, "%s", error->message);
  for (guint i = 0; i < notes->texts->len; i++)
    cli_note(verb, "%s", (const char *)g_ptr_array_index(notes->texts, i));
  return CLI_DONE;
}

static int
command_convert(int argc, char **argv)
{
  ConvertOptions options = {0};
  const GOptionEntry entries[] = {
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &options.out,
       "where to write: a file (compressed if it ends in .gz), or - for standard output", "FILE"},
      {"to", 0, 0, G_OPTION_ARG_STRING, &options.to, trace_name_formats_help(), "FORM"},
      {"trace-format", 0, 0, G_OPTION_ARG_STRING, &options.trace_format,
       "the form to read: auto (default), a name from 'spillway list trace-formats', or "
       "'columns:…' for any CSV",
       "FORM"},
      {"limit", 0, 0, G_OPTION_ARG_STRING, &options.limit, "keep the first N requests", "N"},
      {"time-scale", 0, 0, G_OPTION_ARG_STRING, &options.time_scale,
       "multiply arrival times by X: 2 halves the load", "X"},
      {NULL},
  };
  int status = CLI_USAGE;
  const VerbOptions usage = {
      .name = "trace convert",
      .arguments = "TRACE",
      .summary =
          "Reads a trace (a file, - for standard input, or a shipped trace's name; plain or\n"
          "gzip) and writes it in another form.",
      .examples =
          "The form binary is the quickest to read. A note says what of the trace a form cannot "
          "hold,\nsuch as ids or prefix hashes.\n\nExamples:\n"
          "  spillway trace convert AzureLLMInferenceTrace_code.csv -o code.csv\n"
          "  spillway trace convert mooncake.jsonl.gz -o - --limit 100 --time-scale 2\n"
          "  spillway trace convert chat-turns -o turns.jsonl.gz\n"
          "  spillway trace convert AzureLLMInferenceTrace_conv.csv -o conv.bin",
      .own = entries};

  if (verb_parse(&usage, &argc, &argv, &status)) {
    if (argc != 2)
      cli_error(CLI_USAGE, "trace convert", "found %d traces to read, expected one", argc - 1);
    else if (options.out == NULL)
      cli_error(CLI_USAGE, "trace convert",
                "-o is missing: give -o FILE, or -o - for standard output");
    else
      status = convert(argv[1], &options);
  }
  convert_options_clear(&options);
  return status;
}
