/* Makes a trace from settings: conversation starts from the arrival process, then for each its
 * turns with lengths and prefix hashes. Called by `spillway trace gen` and by sweeps.
 *
 * Times are whole microseconds, as in real traces: exact in every form and short to read.
 */
#include "gen.h"

#include "reader.h"
#include "shell_word.h"
#include "sim/units.h"

#include <math.h>
#include <string.h>

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#endif

enum {
  STREAM_ARRIVALS = 1,
  STREAM_PROMPTS,
  STREAM_OUTPUTS,
  STREAM_THINK,
  STREAM_GROUPS,
  STREAM_LIMITS
};

enum { GEN_REQUESTS_MAX = 100000000 };

static const double us_per_s = 1e6;

const char *const arrivals_names[ARRIVALS_KINDS + 1] = {"poisson", "gamma", "uniform", "burst",
                                                        NULL};

typedef struct {
  const TraceGen *gen;
  Workload *workload;
  RandomStream prompts, outputs, think, groups, limits;
  guint64 next_hash;
  GArray *conversation; /* of guint64: hashes of the full blocks that the conversation has so far */
  GArray *hashes;       /* of guint64: those of one prompt */
} Run;

void
trace_gen_init(TraceGen *gen)
{
  *gen = (TraceGen){
      .burstiness = 1,
      .turns = 1,
      .think_s = 30,
      .prefix_groups = 1,
      .hash_block_tokens = 16,
      .seed = 1,
  };
}

void
trace_gen_clear(TraceGen *gen)
{
  lengths_clear(&gen->prompt);
  lengths_clear(&gen->output);
  lengths_clear(&gen->max_tokens);
}

static gboolean
fail(GError **error, const char *message)
{
  g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, message);
  return FALSE;
}

gboolean
trace_gen_check(const TraceGen *gen, GError **error)
{
  if (gen->requests == 0 && gen->duration_s == 0)
    return fail(error, "how many? give --requests, --duration, or both");
  if (gen->requests > GEN_REQUESTS_MAX)
    return fail(error, "--requests: at most 100000000");
  if (gen->arrivals == ARRIVALS_BURST) {
    if (gen->requests == 0 || gen->duration_s > 0 || gen->rate > 0)
      return fail(error, "--arrivals burst: all arrive at once; give --requests, and neither "
                         "--duration nor --rate");
  } else if (gen->requests > 0 && gen->duration_s > 0) {
    if (gen->rate > 0)
      return fail(error, "--rate: follows from --requests and --duration; give two of the three");
  } else if (gen->rate <= 0) {
    return fail(error, "--rate: give the requests a second (or --requests and --duration)");
  } else if (gen->requests == 0 && gen->rate * gen->duration_s > GEN_REQUESTS_MAX) {
    return fail(error, "--rate times --duration: at most 100000000 requests");
  }
  if (gen->burstiness != 1 && gen->arrivals != ARRIVALS_GAMMA)
    return fail(error, "--burstiness and --cv: need --arrivals gamma");
  if (gen->prompt.text == NULL || gen->output.text == NULL)
    return fail(error, "how long? give --prompt and --output, such as --prompt fixed:1500");
  if (gen->prefix_groups > 1 && gen->shared_prefix_tokens == 0)
    return fail(error, "--prefix-groups: needs --shared-prefix TOKENS");
  return TRUE;
}

gboolean
trace_gen_has_hashes(const TraceGen *gen)
{
  return gen->turns > 1 || gen->shared_prefix_tokens > 0;
}

static double
draw_gap(const TraceGen *gen, RandomStream *stream)
{
  if (gen->arrivals == ARRIVALS_POISSON)
    return random_exponential(stream);
  if (gen->arrivals == ARRIVALS_GAMMA)
    return random_gamma(stream, gen->burstiness);
  return gen->arrivals == ARRIVALS_UNIFORM ? 1 : 0;
}

/* Starts of conversations in seconds, the first at 0. A conversation stands for `turns` requests.
 */
static GArray *
draw_starts(const TraceGen *gen)
{
  GArray *starts = g_array_new(FALSE, FALSE, sizeof(double));
  guint32 wanted = gen->requests / gen->turns + (gen->requests % gen->turns != 0);
  double rate = gen->rate / gen->turns, at = 0;
  RandomStream stream;

  random_init(&stream, gen->seed, STREAM_ARRIVALS);
  while (wanted > 0 ? starts->len < wanted
                    : at < gen->duration_s * rate && starts->len < GEN_REQUESTS_MAX) {
    g_array_append_val(starts, at);
    at += draw_gap(gen, &stream);
  }
  for (guint i = 0; i < starts->len; i++) {
    double *start = &g_array_index(starts, double, i);
    if (rate > 0)
      *start /= rate;
    else if (gen->duration_s > 0 && at > 0)
      *start = *start / at * gen->duration_s;
  }
  return starts;
}

/* Sets run->hashes, those of a prompt: of the conversation's full blocks so far, new ones for what
 * was added, and one of its own for a last block that is not full. The shared prefix's full blocks
 * have fixed hashes. */
static void
hash_prompt(Run *run, guint64 group, guint32 prompt_tokens)
{
  const TraceGen *gen = run->gen;
  guint32 full = prompt_tokens / gen->hash_block_tokens;
  guint32 shared = gen->shared_prefix_tokens / gen->hash_block_tokens;

  while (run->conversation->len < full) {
    guint64 hash = run->conversation->len < shared ? group * shared + run->conversation->len
                                                   : run->next_hash++;
    g_array_append_val(run->conversation, hash);
  }
  g_array_set_size(run->hashes, 0);
  g_array_append_vals(run->hashes, run->conversation->data, full);
  if (prompt_tokens % gen->hash_block_tokens != 0) {
    guint64 hash = run->next_hash++;
    g_array_append_val(run->hashes, hash);
  }
}

/* Output tokens that the client allows; 0: that is not set. */
static guint32
draw_max_tokens(Run *run, guint32 output_tokens)
{
  const TraceGen *gen = run->gen;
  double times = ceil(gen->max_tokens_times * output_tokens);

  if (gen->max_tokens.text != NULL)
    return MAX(lengths_draw(&gen->max_tokens, &run->limits), output_tokens);
  return gen->max_tokens_times > 0 ? (guint32)MIN(times, TRACE_TOKENS_MAX) : 0;
}

static gboolean
add_conversation(Run *run, double start_s, GError **error)
{
  const TraceGen *gen = run->gen;
  guint64 group = random_below(&run->groups, gen->prefix_groups);
  guint64 said_tokens = gen->shared_prefix_tokens;
  double at_s = start_s;

  g_array_set_size(run->conversation, 0);
  for (guint32 turn = 0; turn < gen->turns; turn++) {
    guint64 prompt_tokens = said_tokens + lengths_draw(&gen->prompt, &run->prompts);
    Request request = {.output_tokens = lengths_draw(&gen->output, &run->outputs)};
    if (gen->requests > 0 && workload_count(run->workload) == gen->requests)
      break;
    if (prompt_tokens > TRACE_TOKENS_MAX || at_s * PS_PER_S >= (double)TIME_MAX_PS) {
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                  "a request of %" G_GUINT64_FORMAT " prompt tokens at %.0f s; a trace can have "
                  "%d tokens and %.0f s",
                  prompt_tokens, at_s, TRACE_TOKENS_MAX, ps_to_s(TIME_MAX_PS));
      return FALSE;
    }
    request.prompt_tokens = (guint32)prompt_tokens;
    request.max_tokens = draw_max_tokens(run, request.output_tokens);
    request.arrival_ps = (gint64)floor(at_s * us_per_s + 0.5) * PS_PER_US;
    if (trace_gen_has_hashes(gen)) {
      hash_prompt(run, group, request.prompt_tokens);
      request.hash_count = run->hashes->len;
      request.hash_block_tokens = gen->hash_block_tokens;
    }
    workload_add(run->workload, &request, NULL, (const guint64 *)(gpointer)run->hashes->data);
    said_tokens = prompt_tokens + request.output_tokens;
    if (gen->turns > 1)
      at_s += gen->think_s * random_exponential(&run->think);
  }
  return TRUE;
}

/* Conversations overlap: puts the requests in order of arrival and numbers them so. */
static Workload *
renumbered(Workload *workload)
{
  Workload *ordered = workload_new();

  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    workload_add(ordered, request, NULL,
                 (const guint64 *)(gpointer)workload->hashes->data + request->hash_first);
  }
  workload_free(workload);
  return ordered;
}

/* Bytes that an array of n elements grows to. */
static gsize
array_bytes(double n, gsize element_bytes)
{
  gsize bytes = 1;

  while ((double)bytes < n * (double)element_bytes)
    bytes *= 2;
  return bytes;
}

/* GLib ends the program where an array cannot grow; this refuses such settings before. */
static gboolean
check_memory(const TraceGen *gen, GError **error)
{
  double n = gen->requests > 0 ? gen->requests : gen->rate * gen->duration_s;
  gsize bytes = array_bytes(n / gen->turns, sizeof(double)) +
                array_bytes(n, sizeof(Request)) * (gen->turns > 1 ? 2 : 1);
  gpointer all = g_try_malloc(bytes);

  g_free(all);
  if (all == NULL)
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "%.0f requests take %.1f GB of memory, which is more than there is for this "
                "program; ask for fewer",
                n, (double)bytes / 1e9);
  return all != NULL;
}

static Workload *
run_all(const TraceGen *gen, GError **error)
{
  g_autoptr(GArray) starts = draw_starts(gen);
  g_autoptr(Workload) workload = workload_new();
  Run run = {.gen = gen, .workload = workload};
  gboolean ok = TRUE;

  random_init(&run.prompts, gen->seed, STREAM_PROMPTS);
  random_init(&run.outputs, gen->seed, STREAM_OUTPUTS);
  random_init(&run.think, gen->seed, STREAM_THINK);
  random_init(&run.groups, gen->seed, STREAM_GROUPS);
  random_init(&run.limits, gen->seed, STREAM_LIMITS);
  run.next_hash =
      (guint64)gen->prefix_groups * (gen->shared_prefix_tokens / gen->hash_block_tokens);
  run.conversation = g_array_new(FALSE, FALSE, sizeof(guint64));
  run.hashes = g_array_new(FALSE, FALSE, sizeof(guint64));
  for (guint i = 0; i < starts->len && ok; i++)
    ok = add_conversation(&run, g_array_index(starts, double, i), error);
  g_array_unref(run.conversation);
  g_array_unref(run.hashes);
  if (!ok || !workload_seal(workload, error))
    return NULL;
  if (gen->turns > 1) {
    workload = renumbered(g_steal_pointer(&workload));
    if (!workload_seal(workload, error))
      return NULL;
  }
  return g_steal_pointer(&workload);
}

Workload *
trace_gen_run(const TraceGen *gen, GError **error)
{
  return check_memory(gen, error) ? run_all(gen, error) : NULL;
}

/* Appends a number, as short as it can be typed. */
static void
append_number(GString *command, const char *option, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd(buffer, sizeof buffer, "%.15g", value);
  if (g_ascii_strtod(buffer, NULL) != value)
    g_ascii_dtostr(buffer, sizeof buffer, value);
  g_string_append_printf(command, " --%s %s", option, buffer);
}

static void
append_text(GString *command, const char *option, const char *text)
{
  g_autofree char *word = shell_word(text);

  g_string_append_printf(command, " --%s %s", option, word);
}

char *
trace_gen_command(const TraceGen *gen)
{
  GString *command = g_string_new("spillway trace gen");

  if (gen->requests > 0)
    append_number(command, "requests", gen->requests);
  if (gen->duration_s > 0)
    append_number(command, "duration", gen->duration_s);
  append_text(command, "arrivals", arrivals_names[gen->arrivals]);
  if (gen->rate > 0)
    append_number(command, "rate", gen->rate);
  if (gen->burstiness != 1)
    append_number(command, "burstiness", gen->burstiness);
  append_text(command, "prompt", gen->prompt.text);
  append_text(command, "output", gen->output.text);
  if (gen->max_tokens.text != NULL)
    append_text(command, "max-tokens", gen->max_tokens.text);
  if (gen->max_tokens_times > 0) {
    append_number(command, "max-tokens", gen->max_tokens_times);
    g_string_append_c(command, 'x');
  }
  if (gen->turns > 1) {
    append_number(command, "turns", gen->turns);
    append_number(command, "think-time", gen->think_s);
  }
  if (gen->shared_prefix_tokens > 0) {
    append_number(command, "shared-prefix", gen->shared_prefix_tokens);
    append_number(command, "prefix-groups", gen->prefix_groups);
  }
  if (trace_gen_has_hashes(gen))
    append_number(command, "hash-block-tokens", gen->hash_block_tokens);
  g_string_append_printf(command, " --seed %" G_GUINT64_FORMAT, gen->seed);
  return g_string_free(command, FALSE);
}
