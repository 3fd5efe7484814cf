/* Parses and draws lengths. Called by gen.c and the command line.
 *
 * A lognormal is given by mean and median as published statistics are. Unclipped, its sigma follows
 * in closed form; with a maximum, the mean of the clipped distribution is found by integration
 * and sigma by bisection, so that the trace's mean is the one asked for, not some lower one.
 */
#include "lengths.h"

#include "number.h"
#include "trace.h"

#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

static const double sigma_max = 4;

static gboolean
fail(GError **error, const char *text, const char *expected)
{
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "found '%s', expected %s", text,
              expected);
  return FALSE;
}

/* A whole number of tokens at *text, which is moved behind it and behind a comma after it. */
static gboolean
take_tokens(const char **text, guint32 *tokens)
{
  gint64 value;

  if (!number_whole(*text, *text + strlen(*text), &value, text) || value < 1 ||
      value > TRACE_TOKENS_MAX)
    return FALSE;
  *text += **text == ',';
  *tokens = (guint32)value;
  return TRUE;
}

static gboolean
take_decimal(const char **text, double *value)
{
  gint64 whole, millionths;

  if (!number_decimal(*text, *text + strlen(*text), 6, &whole, &millionths, text) ||
      whole > TRACE_TOKENS_MAX)
    return FALSE;
  *text += **text == ',';
  *value = (double)whole + (double)millionths / 1e6;
  return *value >= 1;
}

/* Mean of min(e^(log_median + sigma z), max) over a standard normal z: Simpson's rule on ±10. */
static double
clipped_mean(double log_median, double sigma, double max)
{
  enum { STEPS = 2000 };
  const double width = 20.0 / STEPS, log_max = portable_log(max);
  double sum = 0, weights = 0;

  for (int i = 0; i <= STEPS; i++) {
    double z = -10 + i * width, log_x = log_median + sigma * z;
    double x = log_x < log_max ? portable_exp(log_x) : max;
    double weight = portable_exp(-0.5 * z * z) * (i == 0 || i == STEPS ? 1 : i % 2 == 1 ? 4 : 2);
    sum += weight * x;
    weights += weight;
  }
  return sum / weights;
}

static gboolean
solve_sigma(Lengths *lengths, double mean, double median, GError **error)
{
  double low = 0, high = sigma_max;

  lengths->log_median = portable_log(median);
  if (lengths->high == TRACE_TOKENS_MAX) {
    lengths->sigma = sqrt(2 * portable_log(mean / median));
    return lengths->sigma <= sigma_max ||
           fail(error, lengths->text, "a mean nearer to the median (at most 2980 times it)");
  }
  if (clipped_mean(lengths->log_median, high, lengths->high) < mean)
    return fail(error, lengths->text, "a mean that can be had below this max");
  for (int i = 0; i < 50; i++) {
    double middle = (low + high) / 2;
    if (clipped_mean(lengths->log_median, middle, lengths->high) < mean)
      low = middle;
    else
      high = middle;
  }
  lengths->sigma = low;
  return TRUE;
}

static gboolean
parse_lognormal(Lengths *lengths, const char *text, GError **error)
{
  double mean = 0, median = 0;

  lengths->high = TRACE_TOKENS_MAX;
  while (*text != '\0') {
    if (g_str_has_prefix(text, "mean=") && (text += 5, take_decimal(&text, &mean)))
      continue;
    if (g_str_has_prefix(text, "median=") && (text += 7, take_decimal(&text, &median)))
      continue;
    if (g_str_has_prefix(text, "max=") && (text += 4, take_tokens(&text, &lengths->high)))
      continue;
    return fail(error, lengths->text, "lognormal:mean=M,median=M[,max=N]");
  }
  if (mean == 0 || median == 0)
    return fail(error, lengths->text, "lognormal:mean=M,median=M[,max=N]");
  if (mean < median || median > lengths->high)
    return fail(error, lengths->text, "a mean that is not below the median, and both below max");
  return solve_sigma(lengths, mean, median, error);
}

static gboolean
read_values(Lengths *lengths, const char *path, LengthsSide side, GError **error)
{
  g_autoptr(Workload) workload = trace_read(path, NULL, NULL, error);

  if (workload == NULL)
    return FALSE;
  lengths->values = g_array_new(FALSE, FALSE, sizeof(guint32));
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    guint32 tokens = side == LENGTHS_OF_PROMPTS   ? request->prompt_tokens
                     : side == LENGTHS_OF_OUTPUTS ? request->output_tokens
                                                  : request_max_tokens(request);
    g_array_append_val(lengths->values, tokens);
  }
  return TRUE;
}

static gboolean
parse_kind(Lengths *lengths, const char *kind, const char *rest, LengthsSide side, GError **error)
{
  if (g_str_equal(kind, "fixed:")) {
    lengths->kind = LENGTHS_FIXED;
    return (take_tokens(&rest, &lengths->low) && *rest == '\0') ||
           fail(error, lengths->text, "fixed:N, a whole number from 1 to 1000000000");
  }
  if (g_str_equal(kind, "uniform:")) {
    lengths->kind = LENGTHS_UNIFORM;
    return (take_tokens(&rest, &lengths->low) && take_tokens(&rest, &lengths->high) &&
            *rest == '\0' && lengths->low <= lengths->high) ||
           fail(error, lengths->text, "uniform:A,B with 1 <= A <= B <= 1000000000");
  }
  if (g_str_equal(kind, "lognormal:")) {
    lengths->kind = LENGTHS_LOGNORMAL;
    return parse_lognormal(lengths, rest, error);
  }
  lengths->kind = LENGTHS_EMPIRICAL;
  return read_values(lengths, rest, side, error);
}

gboolean
lengths_parse(Lengths *lengths, const char *text, LengthsSide side, GError **error)
{
  static const char *const kinds[] = {"fixed:", "uniform:", "lognormal:", LENGTHS_FILE};

  memset(lengths, 0, sizeof *lengths);
  lengths->text = g_strdup(text);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (g_str_has_prefix(text, kinds[i]))
      return parse_kind(lengths, kinds[i], text + strlen(kinds[i]), side, error);
  return fail(error, text,
              "fixed:N, uniform:A,B, lognormal:mean=M,median=M[,max=N] or "
              "empirical:FILE");
}

void
lengths_clear(Lengths *lengths)
{
  g_clear_pointer(&lengths->text, g_free);
  g_clear_pointer(&lengths->values, g_array_unref);
}

guint32
lengths_draw(const Lengths *lengths, RandomStream *stream)
{
  double log_x;

  switch (lengths->kind) {
  case LENGTHS_FIXED:
    return lengths->low;
  case LENGTHS_UNIFORM:
    return lengths->low + (guint32)random_below(stream, lengths->high - lengths->low + 1);
  case LENGTHS_LOGNORMAL:
    log_x = lengths->log_median + lengths->sigma * random_normal(stream);
    if (log_x >= portable_log(lengths->high))
      return lengths->high;
    return MAX((guint32)floor(portable_exp(log_x) + 0.5), 1);
  case LENGTHS_EMPIRICAL:
    return g_array_index(lengths->values, guint32, random_below(stream, lengths->values->len));
  }
  g_assert_not_reached();
}
