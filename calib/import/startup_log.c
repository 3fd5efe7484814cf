/* The reader of start-up logs: a table of lines, each with the numbers that it has. */
#include "startup_log.h"

#include "files/input.h"

#include <math.h>
#include <stddef.h>

G_DEFINE_QUARK(spillway - startup - log - error, startup_log_error)

#define AT(field) offsetof(StartupLog, field)
#define NUMBER "(-?[0-9][0-9.,]*) ?"
#define MAX_LOG_BYTES (256u << 20)

/* GiB or tokens: more than any server has, so such a number is damaged */
#define MOST_OF_ANYTHING 1e15

enum { MOST_NUMBERS = 4 };

typedef struct {
  const char *pattern;
  guint n;
  gsize fields[MOST_NUMBERS];
} Line;

/* The most exact lines come first. */
static const Line lines[] = {
    {"Free memory on device \\([-0-9.]+/" NUMBER "GiB\\)", 1, {AT(total)}},
    {"Desired GPU memory utilization is \\(" NUMBER ", " NUMBER "GiB\\)",
     2,
     {AT(utilization), AT(usable)}},
    {"Requested memory: " NUMBER "\\(util\\), " NUMBER "GiB", 2, {AT(utilization), AT(usable)}},
    {"Actual usage is " NUMBER "GiB for weight,", 1, {AT(weights)}},
    {"Actual usage is " NUMBER "GiB for consumed memory", 1, {AT(consumed)}},
    {NUMBER "GiB for peak activation", 1, {AT(activation)}},
    {NUMBER "GiB for non-torch memory", 1, {AT(non_torch)}},
    {"torch peak memory increase: " NUMBER "GiB; non-torch forward increase memory: " NUMBER
     "GiB; weights memory: " NUMBER "GiB",
     3,
     {AT(activation), AT(non_torch), AT(weights)}},
    {"Estimated CUDA graph memory: " NUMBER "GiB", 1, {AT(graphs)}},
    {"Model loading took " NUMBER "GiB", 1, {AT(weights)}},
    {"Available KV cache memory: " NUMBER "GiB", 1, {AT(kv)}},
    {"GPU KV cache size: " NUMBER "tokens", 1, {AT(kv_tokens)}},
    {"Maximum concurrency for " NUMBER "tokens per request", 1, {AT(max_model_len)}},
    /* The engine before v1. */
    {"total_gpu_memory \\(" NUMBER "GiB\\) x gpu_memory_utilization \\(" NUMBER "\\) = " NUMBER
     "GiB",
     3,
     {AT(total), AT(utilization), AT(usable)}},
    {"model weights take " NUMBER "GiB; non_torch_memory takes " NUMBER
     "GiB; PyTorch activation peak memory takes " NUMBER
     "GiB; the rest of the memory reserved for KV Cache is " NUMBER "GiB",
     4,
     {AT(weights), AT(non_torch), AT(activation), AT(kv)}},
};

/* What it was started with, which is no memory. */
static const Line settings[] = {
    {"\\bmax_num_batched_tokens(?:=|': )" NUMBER, 1, {AT(max_num_batched_tokens)}},
    {"'max_num_seqs': " NUMBER, 1, {AT(max_num_seqs)}},
    {"\\btensor_parallel_size(?:=|': )" NUMBER, 1, {AT(tensor_parallel_size)}},
    {"\\b(?:num_speculative_tokens': |num_spec_tokens=)" NUMBER, 1, {AT(speculative_tokens)}},
};

static const char version_pattern[] =
    "(?:LLM engine \\(v|API server version |\\bversion )([0-9]+\\.[0-9]+\\.[0-9]+)";

static GRegex *
compile(const char *pattern)
{
  GRegex *regex = g_regex_new(pattern, G_REGEX_RAW | G_REGEX_OPTIMIZE, 0, NULL);

  g_assert(regex != NULL);
  return regex;
}

/* "476,016" and "14.99". */
static double
parse_number(const char *text)
{
  g_auto(GStrv) parts = g_strsplit(text, ",", -1);
  g_autofree char *plain = g_strjoinv("", parts);

  return g_ascii_strtod(plain, NULL);
}

/* A damaged number is none. Memory may be below zero: what is left where a model does not fit. */
static gboolean
is_believable(gsize field, double value)
{
  if (field == AT(utilization))
    return value > 0 && value <= 1;
  if (field == AT(max_model_len) || field == AT(kv_tokens))
    return value >= 0 && value <= MOST_OF_ANYTHING;
  return fabs(value) <= MOST_OF_ANYTHING;
}

static gboolean
read_line(const Line *line, const char *text, gsize n_bytes, StartupLog *log)
{
  g_autoptr(GRegex) regex = compile(line->pattern);
  g_autoptr(GMatchInfo) match = NULL;

  if (!g_regex_match_full(regex, text, (gssize)n_bytes, 0, 0, &match, NULL))
    return FALSE;
  for (guint i = 0; i < line->n; i++) {
    g_autofree char *number = g_match_info_fetch(match, (int)i + 1);
    double *field = &G_STRUCT_MEMBER(double, log, line->fields[i]);
    double value = parse_number(number);
    if (isnan(*field) && is_believable(line->fields[i], value))
      *field = value;
  }
  return TRUE;
}

static void
read_version(const char *text, gsize n_bytes, StartupLog *log)
{
  g_autoptr(GRegex) regex = compile(version_pattern);
  g_autoptr(GMatchInfo) match = NULL;

  if (g_regex_match_full(regex, text, (gssize)n_bytes, 0, 0, &match, NULL))
    log->version = g_match_info_fetch(match, 1);
}

/* Looks at the arguments that are not the default, and at the engine's configuration. -1: the log
 * has neither. */
static int
read_switch(const char *name, const char *text, gsize n_bytes)
{
  g_autofree char *pattern = g_strconcat("\\b", name, "(?:=|': )(True|False)", NULL);
  g_autoptr(GRegex) regex = compile(pattern);
  g_autoptr(GMatchInfo) match = NULL;
  g_autofree char *word = NULL;

  if (!g_regex_match_full(regex, text, (gssize)n_bytes, 0, 0, &match, NULL))
    return -1;
  word = g_match_info_fetch(match, 1);
  return g_str_equal(word, "True");
}

static void
read_speculation(const char *text, gsize n_bytes, StartupLog *log)
{
  g_autoptr(GRegex) regex =
      compile("\\b(?:speculative_config': \\{[^}]*'method': |SpeculativeConfig\\(method=)'(\\w+)'");
  g_autoptr(GMatchInfo) match = NULL;

  if (g_regex_match_full(regex, text, (gssize)n_bytes, 0, 0, &match, NULL))
    log->speculation = g_match_info_fetch(match, 1);
}

static StartupLog *
read_text(const char *text, gsize n_bytes)
{
  StartupLog *log = g_new0(StartupLog, 1);
  gboolean says = FALSE;

  for (gsize at = AT(total); at <= AT(kv_tokens); at += sizeof(double))
    G_STRUCT_MEMBER(double, log, at) = NAN;
  for (guint i = 0; i < G_N_ELEMENTS(lines); i++)
    says = read_line(&lines[i], text, n_bytes, log) || says;
  for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
    read_line(&settings[i], text, n_bytes, log);
  read_version(text, n_bytes, log);
  log->prefix_caching = read_switch("enable_prefix_caching", text, n_bytes);
  log->eager = read_switch("enforce_eager", text, n_bytes);
  read_speculation(text, n_bytes, log);
  if (says)
    return log;
  startup_log_free(log);
  return NULL;
}

StartupLog *
startup_log_read(const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr(GError) cause = NULL;
  StartupLog *log;
  gsize n_bytes;

  text = input_read(path, INPUT_PLAIN, MAX_LOG_BYTES, &n_bytes, &cause);
  if (text == NULL) {
    g_set_error(error, STARTUP_LOG_ERROR, STARTUP_LOG_ERROR_OPEN,
                "%s: cannot be read: %s; expected what a vLLM server wrote when it started", path,
                cause->message);
    return NULL;
  }
  log = read_text(text, n_bytes);
  if (log == NULL)
    g_set_error(error, STARTUP_LOG_ERROR, STARTUP_LOG_ERROR_EMPTY,
                "%s: found nothing of memory, expected a vLLM server's start-up with lines such as "
                "'Available KV cache memory: 58.1 GiB' and 'GPU KV cache size: 476,000 tokens'",
                path);
  return log;
}

void
startup_log_free(StartupLog *log)
{
  if (log == NULL)
    return;
  g_free(log->version);
  g_free(log->speculation);
  g_free(log);
}
