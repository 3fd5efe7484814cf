/* The verb `trace gen`. */
#include "trace.h"

#include "cli/cli.h"
#include "cli/program.h"
#include "scenario/workload/generated_trace.h"
#include "scenario/output_file.h"
#include "scenario/workload/trace_name.h"

#include <string.h>

static const TraceFormat *
choose_format(const GenOptions *options, const TraceGen *gen, GError **error)
{
  const TraceFormat *format =
      trace_name_format_to_write(options->to, options->out != NULL ? options->out : "-", error);

  if (format != NULL && trace_gen_has_hashes(gen) && !(format->flags & TRACE_KEEPS_HASHES)) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "--turns and --shared-prefix: the form %s does not hold prefix hashes; write "
                "-o FILE.jsonl or FILE.bin, or give --to mooncake or binary",
                format->name);
    return NULL;
  }
  return format;
}

/* -o must not replace the file that lengths are drawn from. */
static gboolean
check_files(const GenOptions *options, GError **error)
{
  const char *const texts[] = {options->prompt, options->output, options->max_tokens};
  const NamedFile output = {"-o", options->out};

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    if (texts[i] != NULL && g_str_has_prefix(texts[i], LENGTHS_FILE) &&
        !output_file_check(&output, 1, &(NamedFile){"empirical", texts[i] + strlen(LENGTHS_FILE)},
                           1, error))
      return FALSE;
  return TRUE;
}

int
trace_write_status(const GError *error)
{
  return g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_INVAL) ? CLI_USAGE : CLI_FAILED;
}

static int
generate(const GenOptions *options, TraceGen *gen)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Workload) workload = NULL;
  g_autofree char *command = NULL;
  const TraceFormat *format;

  if (!check_files(options, &error) || !gen_options_take(options, gen, &error))
    return cli_error(CLI_USAGE, "trace gen", "%s", error->message);
  format = choose_format(options, gen, &error);
  if (format == NULL || (workload = trace_gen_run(gen, &error)) == NULL)
    return cli_error(CLI_USAGE, "trace gen", "%s", error->message);
  command = trace_gen_command(gen);
  if (!trace_write(options->out != NULL ? options->out : "-", format, workload, command, NULL,
                   &error))
    return program_lost_reader()
               ? CLI_FAILED
               : cli_error(trace_write_status(error), "trace gen", "%s", error->message);
  return CLI_DONE;
}

int
command_trace_gen(int argc, char **argv)
{
  GenOptions options = {0};
  GOptionEntry entries[GEN_ENTRIES + 1];
  int status = CLI_USAGE;
  TraceGen gen;
  const VerbOptions usage = {
      .name = "trace gen",
      .summary = "Makes a trace from distributions. The same options make the same bytes on every "
                 "machine.",
      .examples =
          "LENGTHS is one of\n"
          "  fixed:1500                                always that\n"
          "  uniform:100,2000                          whole numbers from 100 to 2000\n"
          "  lognormal:mean=1155,median=1020[,max=N]   longer ones become N; the mean holds all "
          "the "
          "same\n"
          "  empirical:FILE                            drawn from a trace\n\n"
          "Give two of --requests, --duration and --rate. With --requests and --duration the gaps "
          "are\n"
          "scaled to fill the duration. With --turns, a prompt is all that was said before in its\n"
          "conversation plus a new part of LENGTHS, and turns may come after the duration. Traces "
          "with\n"
          "--turns or --shared-prefix have prefix hashes and need the form mooncake or "
          "binary.\n\nExamples:\n"
          "  spillway trace gen --requests 32 --arrivals burst --prompt fixed:1500 --output "
          "fixed:1024\n"
          "  spillway trace gen --duration 600 --rate 4 --arrivals gamma --cv 2 \\\n"
          "    --prompt lognormal:mean=1155,median=1020 --output lognormal:mean=211,median=129 -o "
          "t.csv\n"
          "  spillway trace gen --requests 200 --rate 1 --turns 5 --shared-prefix 400 \\\n"
          "    --prompt uniform:20,200 --output uniform:50,300 -o turns.jsonl",
      .own = entries};

  trace_gen_init(&gen);
  gen_options_entries(&options, entries);
  if (verb_parse(&usage, &argc, &argv, &status)) {
    if (argc > 1)
      cli_error(CLI_USAGE, "trace gen", "unexpected argument '%s'", argv[1]);
    else
      status = generate(&options, &gen);
  }
  gen_options_clear(&options);
  trace_gen_clear(&gen);
  return status;
}
