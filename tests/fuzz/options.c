#include "tests/fuzz/options.h"

#include "scenario/settings_option.h"

#include <string.h>

#define ON_A_CARD "--model llama-2-7b --device a100-40gb "
#define FEW_DRAWN "--num-prompts 3 --random-input-len 60 --random-output-len 9 --jobs 1 "

/* The words of a command, which finds the files of reader.c's preparation, and the options that may
 * follow: those of a run (settings.c) that name no file, and others. */
static const struct {
  const char *name, *words;
  gboolean of_a_run;
  const char *others;
} rows[] = {
    {"run", "run --dry-run --trace trace.csv " ON_A_CARD, TRUE, ""},
    {"drawn", "run --dry-run --num-prompts 3 " ON_A_CARD, TRUE, ""},
    {"compare", "compare --dry-run --trace trace.csv " ON_A_CARD, TRUE, ""},
    {"live", "live --dry-run --executor cpu --trace trace.csv " ON_A_CARD, TRUE, ""},
    {"perfetto", "run --executor unit --num-gpu-blocks 9 --trace trace.csv --perfetto out", FALSE,
     "perfetto-window slo format"},
    {"gen", "trace gen --requests 3 --rate 500 --prompt fixed:5 --output fixed:3 -o out", FALSE,
     "prompt output max-tokens arrivals burstiness cv turns think-time shared-prefix "
     "prefix-groups hash-block-tokens seed rate duration to"},
    {"convert", "trace convert trace.csv -o out", FALSE, "to limit time-scale"},
    {"show", "trace show trace.csv", FALSE, "trace-format format"},
    {"crossover", "crossover " ON_A_CARD, FALSE,
     "kv-cache-dtype tokens block-size copy-path host-memory what-if tensor-parallel-size format"},
    {"model", "model show llama-3.1-8b --device h100-sxm", FALSE,
     "block-size kv-cache-dtype scheduler tensor-parallel-size gpu-memory-utilization "
     "max-num-batched-tokens max-num-seqs max-model-len mamba-ssm-cache-dtype offline format"},
    {"plot", "plot template.db", FALSE, "chart runs figure"},
    {"report", "report template.db -o out.html", FALSE, "runs"},
    {"explain", "explain template.db", FALSE, "run request preemption top"},
    {"sweep", "sweep SRC/tests/fuzz/small.ini -o out.db --dry-run", FALSE, "shard detail jobs"},
    {"capacity",
     "capacity --scheduler vllm-0.6 --num-gpu-blocks 30 --seeds 1 --slo ttft:p99<2s " FEW_DRAWN
         ON_A_CARD,
     FALSE, "slo search what-if format"},
    {"regret", "regret --scheduler vllm-0.6 --num-gpu-blocks 9 --budget 5 " FEW_DRAWN ON_A_CARD,
     FALSE, "what-if slo format"},
    {"map",
     "study policies -o out.db --models qwen2.5-0.5b --engines vllm-0.6 --pressures 2 --prompts 20 "
     "--outputs 4 --links 1 --seeds 1 --requests 4 --trace none --jobs 1",
     FALSE, "engines models pressures prompts outputs links figure budget format"},
};

static gboolean
is_of_a_run(const char *name)
{
  for (guint i = 0; i < settings_n_options; i++)
    if (g_str_equal(settings_options[i].name, name))
      return settings_options[i].kind != KIND_FILE;
  return FALSE;
}

static gboolean
is_allowed(guint row, const char *name)
{
  g_auto(GStrv) others = g_strsplit(rows[row].others, " ", -1);

  return g_strv_contains((const char *const *)others, name) ||
         (rows[row].of_a_run && is_of_a_run(name));
}

static void
add_options(GPtrArray *words, guint row, char **lines)
{
  for (; *lines != NULL; lines++) {
    g_autofree char *name = g_strndup(*lines, strcspn(*lines, "="));
    if (is_allowed(row, name))
      g_ptr_array_add(words, g_strconcat("--", *lines, NULL));
  }
}

char **
options_words(const guint8 *data, gsize bytes)
{
  g_autofree char *text = g_strndup((const char *)data, bytes);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_auto(GStrv) first = NULL;
  GPtrArray *words;
  guint row = 0;

  while (row < G_N_ELEMENTS(rows) && lines[0] != NULL && !g_str_equal(lines[0], rows[row].name))
    row++;
  if (lines[0] == NULL || row == G_N_ELEMENTS(rows))
    return NULL;
  first = g_strsplit(rows[row].words, " ", -1);
  words = g_ptr_array_new();
  g_ptr_array_add(words, g_strdup("spillway"));
  for (char **word = first; *word != NULL; word++)
    if (**word != '\0')
      g_ptr_array_add(words, g_strdup(*word));
  add_options(words, row, lines + 1);
  g_ptr_array_add(words, NULL);
  return (char **)g_ptr_array_free(words, FALSE);
}
