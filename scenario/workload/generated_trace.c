/* Options are parsed as texts first; then each is checked and put into the generator's settings. */

#include "generated_trace.h"

#include "scenario/option_words.h"
#include "scenario/typed.h"
#include "trace_name.h"

#include <string.h>

void
gen_options_entries(GenOptions *o, GOptionEntry entries[GEN_ENTRIES + 1])
{
  const struct {
    const char *name;
    char **text;
    const char *help, *value;
  } rows[GEN_ENTRIES] = {
      {"requests", &o->requests, "how many requests", "N"},
      {"duration", &o->duration, "how long they arrive, in seconds", "S"},
      {"rate", &o->rate, "mean requests a second", "R"},
      {"arrivals", &o->arrivals, "poisson (default), gamma, uniform, burst (all at once)", "KIND"},
      {"burstiness", &o->burstiness,
       "gamma: the shape of the gaps; 1 is Poisson, less is burstier (as vLLM's benchmark)", "B"},
      {"cv", &o->cv, "gamma: the gaps' standard deviation / mean instead; B is 1 / C²", "C"},
      {"prompt", &o->prompt, "lengths of prompts: see below", "LENGTHS"},
      {"output", &o->output, "lengths of outputs: see below", "LENGTHS"},
      {"max-tokens", &o->max_tokens,
       "output tokens that the client allows: 4x (times the output), or lengths (default: the "
       "output's)",
       "Nx|LENGTHS"},
      {"turns", &o->turns, "requests a conversation has (default 1)", "N"},
      {"think-time", &o->think_time, "mean seconds from a turn to the next (default 30)", "S"},
      {"shared-prefix", &o->shared_prefix, "tokens that begin every prompt", "TOKENS"},
      {"prefix-groups", &o->prefix_groups, "different such beginnings (default 1)", "N"},
      {"hash-block-tokens", &o->hash_block_tokens, "tokens a prefix hash stands for (default 16)",
       "N"},
      {"seed", &o->seed, "seed of all random numbers (default 1)", "N"},
      {"to", &o->to, trace_name_formats_help(), "FORM"},
      {"out", &o->out, "where to write (compressed if it ends in .gz; default standard output)",
       "FILE"},
  };

  for (guint i = 0; i < GEN_ENTRIES; i++)
    entries[i] = (GOptionEntry){rows[i].name, 0, 0, G_OPTION_ARG_STRING, rows[i].text, rows[i].help,
                                rows[i].value};
  entries[GEN_ENTRIES - 1].short_name = 'o';
  entries[GEN_ENTRIES - 1].arg = G_OPTION_ARG_FILENAME;
  entries[GEN_ENTRIES] = (GOptionEntry){NULL};
}

void
gen_options_clear(GenOptions *o)
{
  char **const texts[] = {&o->requests,
                          &o->duration,
                          &o->arrivals,
                          &o->rate,
                          &o->burstiness,
                          &o->cv,
                          &o->prompt,
                          &o->output,
                          &o->max_tokens,
                          &o->turns,
                          &o->think_time,
                          &o->shared_prefix,
                          &o->prefix_groups,
                          &o->hash_block_tokens,
                          &o->seed,
                          &o->to,
                          &o->out};

  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_clear_pointer(texts[i], g_free);
}

/* An option that is not given leaves the default. */
static gboolean
take_uint(const char *text, const char *what, guint64 min, guint64 max, guint32 *value,
          GError **error)
{
  guint64 parsed;

  if (text == NULL)
    return TRUE;
  if (!typed_uint(text, what, min, max, &parsed, error))
    return FALSE;
  *value = (guint32)parsed;
  return TRUE;
}

static gboolean
take_double(const char *text, const char *what, double min, double max, double *value,
            GError **error)
{
  return text == NULL || typed_real(text, what, min, max, value, error);
}

static gboolean
take_arrivals(const GenOptions *options, TraceGen *gen, GError **error)
{
  double cv = 0;
  g_autofree char *hint = NULL;

  gen->arrivals = ARRIVALS_POISSON;
  if (options->arrivals != NULL) {
    while (gen->arrivals < ARRIVALS_KINDS &&
           !g_str_equal(options->arrivals, arrivals_names[gen->arrivals]))
      gen->arrivals++;
    if (gen->arrivals == ARRIVALS_KINDS) {
      hint = typed_hint(options->arrivals, arrivals_names);
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "--arrivals: found '%s', expected poisson, gamma, uniform or burst%s",
                  options->arrivals, hint);
      return FALSE;
    }
  }
  if (options->cv != NULL && options->burstiness != NULL) {
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                        "--cv: follows from --burstiness; give one of them");
    return FALSE;
  }
  if (!take_double(options->burstiness, "--burstiness", 1e-4, 1e6, &gen->burstiness, error) ||
      !take_double(options->cv, "--cv", 1e-3, 100, &cv, error))
    return FALSE;
  if (cv > 0)
    gen->burstiness = 1 / (cv * cv);
  return TRUE;
}

static gboolean
take_lengths(const char *text, const char *what, LengthsSide side, Lengths *lengths, GError **error)
{
  if (text == NULL || lengths_parse(lengths, text, side, error))
    return TRUE;
  g_prefix_error(error, "%s: ", what);
  return FALSE;
}

/* Takes "4x", or lengths. */
static gboolean
take_max_tokens(const char *text, TraceGen *gen, GError **error)
{
  gsize bytes = text != NULL ? strlen(text) : 0;
  g_autofree char *times = bytes > 0 ? g_strndup(text, bytes - 1) : NULL;

  if (bytes == 0 || !g_ascii_isdigit(text[0]) || text[bytes - 1] != 'x')
    return take_lengths(text, "--max-tokens", LENGTHS_OF_MAX_TOKENS, &gen->max_tokens, error);
  return typed_real(times, "--max-tokens", 1, 1e9, &gen->max_tokens_times, error);
}

/* A duration or rate that is given must not be 0, which the generator takes for absent. */
gboolean
gen_options_take(const GenOptions *options, TraceGen *gen, GError **error)
{
  return take_uint(options->requests, "--requests", 1, 100000000, &gen->requests, error) &&
         take_double(options->duration, "--duration", 1e-6, 4.6e6, &gen->duration_s, error) &&
         take_double(options->rate, "--rate", 1e-6, 1e9, &gen->rate, error) &&
         take_arrivals(options, gen, error) &&
         take_lengths(options->prompt, "--prompt", LENGTHS_OF_PROMPTS, &gen->prompt, error) &&
         take_lengths(options->output, "--output", LENGTHS_OF_OUTPUTS, &gen->output, error) &&
         take_max_tokens(options->max_tokens, gen, error) &&
         take_uint(options->turns, "--turns", 1, 10000, &gen->turns, error) &&
         take_double(options->think_time, "--think-time", 0, 1e6, &gen->think_s, error) &&
         take_uint(options->shared_prefix, "--shared-prefix", 1, 100000000,
                   &gen->shared_prefix_tokens, error) &&
         take_uint(options->prefix_groups, "--prefix-groups", 1, 1000000, &gen->prefix_groups,
                   error) &&
         take_uint(options->hash_block_tokens, "--hash-block-tokens", 1, 1000000,
                   &gen->hash_block_tokens, error) &&
         (options->seed == NULL ||
          typed_uint(options->seed, "--seed", 0, G_MAXUINT64, &gen->seed, error)) &&
         trace_gen_check(gen, error);
}

Workload *
generated_trace(const char *text, const guint64 *seed, GError **error)
{
  GenOptions options = {0};
  GOptionEntry entries[GEN_ENTRIES + 1];
  g_autofree char *line = g_strconcat("gen ", text, NULL);
  g_auto(GStrv) argv = NULL;
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  Workload *workload = NULL;
  TraceGen gen;

  trace_gen_init(&gen);
  if (seed != NULL)
    gen.seed = *seed;
  gen_options_entries(&options, entries);
  g_option_context_add_main_entries(context, entries, NULL);
  if (g_shell_parse_argv(line, NULL, &argv, error) &&
      option_words_parse(context, entries, &argv, error)) {
    if (argv[1] != NULL || options.out != NULL || options.to != NULL)
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "found '%s', expected only options of a trace's content",
                  argv[1] != NULL       ? argv[1]
                  : options.out != NULL ? "-o"
                                        : "--to");
    else if (gen_options_take(&options, &gen, error))
      workload = trace_gen_run(&gen, error);
  }
  gen_options_clear(&options);
  trace_gen_clear(&gen);
  return workload;
}
