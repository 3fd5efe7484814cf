/* Generated traces: what they are like, and that they are the same everywhere. */
#include "sim/units.h"
#include "traces/gen.h"
#include "traces/number.h"
#include "traces/stats.h"
#include "traces/trace.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

/* The first values of xoshiro256** from the state 1, 2, 3, 4, as its authors' program prints them.
 */
static void
test_random(void)
{
  static const guint64 expected[] = {11520, 0, 1509978240, 1215971899390074240};
  RandomStream stream = {{1, 2, 3, 4}}, twin;
  double sum = 0, squares = 0;
  const int n = 200000;

  for (guint i = 0; i < G_N_ELEMENTS(expected); i++)
    g_assert_cmpuint(random_bits(&stream), ==, expected[i]);
  for (double x = 1e-12; x < 1e12; x *= 3.7) {
    g_assert_cmpfloat(fabs(portable_log(x) - log(x)), <=, 1e-15 * (1 + fabs(log(x))));
    g_assert_cmpfloat(fabs(portable_exp(log(x)) / x - 1), <, 1e-13);
  }
  for (double shape = 0.25; shape < 5; shape *= 2) {
    random_init(&stream, 1, 1);
    sum = squares = 0;
    for (int i = 0; i < n; i++) {
      double x = random_gamma(&stream, shape);
      sum += x;
      squares += x * x;
    }
    g_assert_cmpfloat_with_epsilon(sum / n, 1, 0.02);
    g_assert_cmpfloat_with_epsilon(squares / n - 1, 1 / shape, 0.1 / shape);
  }
  random_init(&stream, 1, 1);
  random_init(&twin, 1, 2);
  g_assert_cmpuint(random_bits(&stream), !=, random_bits(&twin));
}

static void
test_lengths(void)
{
  static const char *const wrong[] = {"1500",
                                      "fixed:0",
                                      "fixed:1.5",
                                      "uniform:5,2",
                                      "lognormal:mean=5",
                                      "lognormal:mean=5,median=9",
                                      "lognormal:mean=900,median=100,max=200",
                                      "lognormal:mean=900,median=nan",
                                      "empirical:/nowhere/x"};
  g_autoptr(GError) error = NULL;
  Lengths lengths;
  RandomStream stream;
  double sum = 0;
  const guint n = 200000;
  guint below = 0;

  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_assert_false(lengths_parse(&lengths, wrong[i], LENGTHS_OF_PROMPTS, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    lengths_clear(&lengths);
  }
  g_assert_true(lengths_parse(&lengths, "lognormal:mean=2048,median=1500,max=7437",
                              LENGTHS_OF_PROMPTS, &error));
  random_init(&stream, 3, 1);
  for (guint i = 0; i < n; i++) {
    guint32 tokens = lengths_draw(&lengths, &stream);
    g_assert_cmpuint(tokens, <=, 7437);
    sum += tokens;
    below += tokens < 1500;
  }
  g_assert_cmpfloat_with_epsilon(sum / n, 2048, 15);
  g_assert_cmpfloat_with_epsilon((double)below / n, 0.5, 0.01);
  lengths_clear(&lengths);
}

static TraceGen
new_gen(const char *prompt, const char *output)
{
  TraceGen gen;

  trace_gen_init(&gen);
  g_assert_true(lengths_parse(&gen.prompt, prompt, LENGTHS_OF_PROMPTS, NULL));
  g_assert_true(lengths_parse(&gen.output, output, LENGTHS_OF_OUTPUTS, NULL));
  return gen;
}

static void
test_arrivals(void)
{
  for (ArrivalsKind kind = 0; kind < ARRIVALS_KINDS; kind++) {
    g_autoptr(GError) error = NULL;
    TraceGen gen = new_gen("fixed:10", "uniform:1,9");
    TraceStats stats;
    gen.arrivals = kind;
    gen.requests = 20000;
    gen.rate = kind == ARRIVALS_BURST ? 0 : 4;
    gen.burstiness = kind == ARRIVALS_GAMMA ? 0.25 : 1;
    g_assert_true(trace_gen_check(&gen, &error));
    g_autoptr(Workload) workload = trace_gen_run(&gen, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(workload_count(workload), ==, 20000);
    g_assert_cmpint(workload_request(workload, 0)->arrival_ps, ==, 0);
    trace_stats_compute(workload, &stats);
    if (kind == ARRIVALS_BURST) {
      g_assert_cmpfloat(stats.duration_s, ==, 0);
    } else {
      static const double cv[] = {1, 2, 0};
      g_assert_cmpfloat_with_epsilon(stats.rate, 4, 0.2);
      g_assert_cmpfloat_with_epsilon(stats.gap_cv, cv[kind], 0.1);
    }
    trace_stats_clear(&stats);
    trace_gen_clear(&gen);
  }
}

static void
test_duration(void)
{
  TraceGen gen = new_gen("fixed:10", "fixed:1");
  g_autoptr(GError) error = NULL;

  gen.duration_s = 100;
  g_assert_false(trace_gen_check(&gen, &error)); /* neither rate nor requests */
  g_clear_error(&error);
  gen.rate = 5;
  g_assert_true(trace_gen_check(&gen, &error));
  g_autoptr(Workload) open = trace_gen_run(&gen, &error);
  g_assert_cmpint(workload_request(open, workload_count(open) - 1)->arrival_ps, <, 100 * PS_PER_S);
  g_assert_cmpuint(workload_count(open), >, 400);
  gen.requests = 1000;
  g_assert_false(trace_gen_check(&gen, &error)); /* all three */
  g_clear_error(&error);
  gen.rate = 0;
  g_autoptr(Workload) filled = trace_gen_run(&gen, &error);
  g_assert_cmpuint(workload_count(filled), ==, 1000);
  g_assert_cmpint(workload_request(filled, 999)->arrival_ps, <, 100 * PS_PER_S);
  g_assert_cmpint(workload_request(filled, 999)->arrival_ps, >, 98 * PS_PER_S);
  trace_gen_clear(&gen);
}

/* A turn's prompt begins with all full blocks of the one before; groups share their prefix only. */
static void
test_turns(void)
{
  g_autoptr(GError) error = NULL;
  TraceGen gen = new_gen("uniform:5,100", "uniform:5,100");
  TraceStats stats;

  gen.requests = 400;
  gen.rate = 1;
  gen.turns = 4;
  gen.shared_prefix_tokens = 100;
  gen.prefix_groups = 3;
  g_assert_true(trace_gen_check(&gen, &error));
  g_autoptr(Workload) workload = trace_gen_run(&gen, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(workload_count(workload), ==, 400);
  for (guint32 i = 0; i < 400; i++) {
    const Request *request = workload_request(workload, i);
    g_assert_cmpuint(request->hash_count, ==, (request->prompt_tokens + 15) / 16);
    g_assert_cmpuint(request->prompt_tokens, >, 100);
    g_assert_cmpuint(g_array_index(workload->hashes, guint64, request->hash_first), <, 3 * 6);
  }
  trace_stats_compute(workload, &stats);
  g_assert_cmpuint(stats.hashed_requests, ==, 400);
  g_assert_cmpuint(stats.repeated_tokens * 2, >, stats.prompt_tokens);
  g_assert_cmpuint(stats.repeated_tokens, <, stats.prompt_tokens);
  trace_stats_clear(&stats);
  trace_gen_clear(&gen);
}

static void
test_same_seed(void)
{
  GString *text[3];

  for (guint i = 0; i < 3; i++) {
    TraceGen gen = new_gen("lognormal:mean=300,median=200", "uniform:1,50");
    gen.requests = 1000;
    gen.rate = 3;
    gen.seed = i == 2 ? 2 : 1;
    g_autoptr(Workload) workload = trace_gen_run(&gen, NULL);
    text[i] = trace_print(&trace_format_spillway, workload, NULL, NULL);
    trace_gen_clear(&gen);
  }
  g_assert_cmpstr(text[0]->str, ==, text[1]->str);
  g_assert_cmpstr(text[0]->str, !=, text[2]->str);
  for (guint i = 0; i < 3; i++)
    g_string_free(text[i], TRUE);
}

static void
test_published(void)
{
  static const struct {
    const char *path, *form;
    guint32 requests;
  } files[] = {
      {"traces/azure2023/AzureLLMInferenceTrace_code.csv", "azure", 8819},
      {"traces/mooncake/synthetic_trace.jsonl", "mooncake", 3993},
      {"profiles/llmservingsim/rtxpro6000-llama-3.1-8b/bench/requests.jsonl", "benchmark", 300},
      {"profiles/llmservingsim/rtxpro6000-llama-3.1-8b/bench/trace.jsonl", "mooncake", 300},
  };
  g_autofree char *folder = g_test_build_filename(G_TEST_DIST, "..", "..", "shared", "data", NULL);

  if (!g_file_test(folder, G_FILE_TEST_IS_DIR)) {
    g_test_skip("these files do not ship, and are not at hand");
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(TraceNotes) notes = trace_notes_new();
    g_autofree char *path = g_build_filename(folder, files[i].path, NULL);
    g_autoptr(Workload) workload = trace_read(path, NULL, notes, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(notes->format->name, ==, files[i].form);
    g_assert_cmpuint(workload_count(workload), ==, files[i].requests);
    g_assert_cmpuint(notes->texts->len, ==, 0);
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/traces/random", test_random);
  g_test_add_func("/traces/lengths", test_lengths);
  g_test_add_func("/traces/arrivals", test_arrivals);
  g_test_add_func("/traces/duration", test_duration);
  g_test_add_func("/traces/turns", test_turns);
  g_test_add_func("/traces/same-seed", test_same_seed);
  g_test_add_func("/traces/published", test_published);
  return g_test_run();
}
