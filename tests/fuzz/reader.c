#include "config.h"

#include "tests/fuzz/reader.h"

#include "cli/program.h"
#include "tests/fuzz/edits.h"
#include "tests/fuzz/options.h"
#include "traces/formats/binary.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define UNIT_RUN "run --executor unit --num-gpu-blocks 90 --max-model-len 4096 --trace trace.csv "
#define TINY_LIVE "live --executor cpu --trace trace.csv --num-gpu-blocks 9 --block-size 8 --model "
#define MAKE_TRACE                                                                                 \
  "trace gen --requests 3 --rate 500 --prompt fixed:5 --output fixed:3 -o trace.csv"
#define SMALL_RUN                                                                                  \
  "run --model llama-2-7b --device a100-40gb --trace trace.csv --num-gpu-blocks 3 "                \
  "--block-size 4 --scheduler vllm-0.6 "
#define MAKE_RESULTS SMALL_RUN "--overflow swap --record-steps -o template.db"
#define MAKE_EVICTIONS                                                                             \
  "run --model llama-2-7b --device a100-40gb --trace trace.csv --num-gpu-blocks 7 --block-size 2 " \
  "--scheduler vllm-0.6 --overflow swap --record-steps -o template.db"
#define ASK_RESULTS                                                                                \
  {                                                                                                \
    "explain results.db", SMALL_RUN "--executor replay --replay results.db"                        \
  }
#define SMALL_STUDY "SRC/tests/fuzz/small.ini "
#define SMALL_SEARCH                                                                               \
  "regret --model llama-2-7b --device a100-40gb --scheduler vllm-0.6 --num-gpu-blocks 9 "          \
  "--num-prompts 3 --random-input-len 60 --random-output-len 9 --budget 5 --jobs 1 "
#define SMALL_MAP                                                                                  \
  "study policies --models qwen2.5-0.5b --engines vllm-0.6 --pressures 2 --prompts 20 "            \
  "--outputs 4 --links 1 --seeds 1 --requests 4 --trace none --jobs 1 "
#define TAKE_RESULTS                                                                               \
  {                                                                                                \
    "report results.db -o out.html", "merge results.db -o out.db",                                 \
        "explain results.db --request 1", "explain results.db --preemption 0"                      \
  }

const FuzzReader fuzz_readers[] = {
    {"trace", .files = {"t"},
     .commands = {"trace show t", "trace convert t -o out --to mooncake --limit 50"}},
    {"binary", .files = {"t.bin"}, .sums = TRUE,
     .commands = {"trace show t.bin", "trace convert t.bin -o out --to mooncake"}},
    {"columns", .files = {"t.csv"},
     .commands = {"trace show t.csv --trace-format "
                  "columns:arrival_date=ts,prompt_tokens=in,output_tokens=out,id=id",
                  "trace show t.csv --trace-format "
                  "columns:arrival_ms=ts,prompt_tokens=in,output_tokens=out"}},
    {"model", .files = {"config.json", "hf_quant_config.json"},
     .commands = {"model show config.json"}},
    {"device", .files = {"d.ini"}, .commands = {"crossover --model llama-2-7b --device d.ini"}},
    {"host", .files = {"h.ini"}, .prepare = {MAKE_TRACE},
     .commands = {"run --model llama-2-7b --device h100-sxm --trace trace.csv --host h.ini"}},
    {"disk", .files = {"d.ini"}, .prepare = {MAKE_TRACE},
     .commands = {"run --model llama-2-7b --device h100-sxm --trace trace.csv --overflow swap "
                  "--overlap-copies --kv-offloading-disk 1 --num-gpu-blocks 9 --disk d.ini"}},
    {"points", .files = {"points"},
     .commands = {"servers points --commands",
                  "servers points --commands --model llama-3.1-8b --device h100-sxm"}},
    {"profile-text", .files = {"p.csv"},
     .commands = {"profile show p.csv", "profile import p.csv -o out.db"}},
    {"profile", .files = {"p.db"}, .commands = {"profile show p.db"}},
    {"profile-edits", .files = {"p.db"}, .edits = TRUE,
     .prepare = {"profile import SRC/tests/fuzz/kept/profile-text/each.csv -o template.db"},
     .commands = {"profile show p.db", "crossover --model llama-2-7b --device p.db"}},
    {"import", .files = {"table.csv"},
     .commands = {"profile import table.csv -o out.db --device a100-80gb --model llama-2-7b"}},
    {"import-folder",
     .files = {"x/meta.yaml", "x/dense.csv", "x/per_sequence.csv", "x/attention.csv", "x/skew.csv"},
     .commands = {"profile import x -o out.db"}},
    {"study", .files = {"study.ini", "lengths.csv"},
     .commands = {"sweep study.ini -o out.db --dry-run"}},
    {"results", .files = {"results.db"}, .prepare = {MAKE_TRACE}, .commands = ASK_RESULTS},
    {"results-edits", .files = {"results.db"}, .edits = TRUE, .prepare = {MAKE_TRACE, MAKE_RESULTS},
     .commands = ASK_RESULTS},
    {"report-edits", .files = {"results.db"}, .edits = TRUE,
     .prepare = {MAKE_TRACE, MAKE_EVICTIONS}, .commands = TAKE_RESULTS},
    {"studies-edits", .files = {"results.db"}, .edits = TRUE,
     .prepare = {"sweep " SMALL_STUDY "-o template.db --jobs 1 --detail all",
                 "capacity " SMALL_STUDY "-o template.db --jobs 1", SMALL_SEARCH "-o template.db",
                 SMALL_MAP "-o template.db"},
     .commands = {"report results.db -o out.html", "merge results.db -o out.db",
                  "sweep " SMALL_STUDY "-o results.db --dry-run", SMALL_SEARCH "-o results.db"}},
    {"against", .files = {"measured"}, .prepare = {MAKE_TRACE},
     .commands = {UNIT_RUN "--against measured"}},
    {"vllm-args", .files = {"flags"}, .prepare = {MAKE_TRACE},
     .commands = {"run --device h100-sxm --trace trace.csv --dry-run --vllm-args @flags",
                  "run --device h100-sxm --trace trace.csv --dry-run --sglang-args @flags",
                  "run --device h100-sxm --trace trace.csv --dry-run --trtllm-args @flags"}},
    {"settings-file", .files = {"s.yaml"}, .prepare = {MAKE_TRACE},
     .commands = {"run --device h100-sxm --trace trace.csv --dry-run --vllm-args "
                  "'vllm serve llama-3.1-8b --config s.yaml'",
                  "run --device h100-sxm --trace trace.csv --dry-run --sglang-args "
                  "'--model-path llama-3.1-8b --config s.yaml'",
                  "run --device h100-sxm --trace trace.csv --dry-run --trtllm-args "
                  "'trtllm-serve llama-3.1-8b --extra_llm_api_options s.yaml'"}},
    {"startup-log", .files = {"log"},
     .commands = {"model show llama-3.1-8b --device h100-sxm --log log"}},
    {"safetensors", .files = {"config.json", "model.safetensors"}, .prepare = {MAKE_TRACE},
     .commands = {TINY_LIVE "config.json --load-format safetensors"}},
    {"safetensors-index",
     .files = {"config.json", "model.safetensors.index.json", "model.safetensors"},
     .prepare = {MAKE_TRACE}, .commands = {TINY_LIVE "config.json --load-format safetensors"}},
    {"token-ids", .files = {"ids.jsonl"}, .prepare = {MAKE_TRACE},
     .commands = {TINY_LIVE "SRC/tests/models/tiny-llama.json --token-ids ids.jsonl"}},
    {"lengths", .files = {"lengths.csv"},
     .commands = {"trace gen --requests 3 --rate 500 --prompt empirical:lengths.csv --output "
                  "empirical:lengths.csv --max-tokens empirical:lengths.csv -o out",
                  "run --dry-run --model llama-2-7b --device a100-40gb --trace "
                  "'gen:--requests 3 --rate 500 --prompt empirical:lengths.csv --output fixed:3'"}},
    {"options", .options = TRUE, .prepare = {MAKE_TRACE, MAKE_EVICTIONS}},
    {NULL},
};

static const Program program = {
    .name = "spillway", .about = "", .examples = "", .commands = commands};

static char *scratch;
static int real_out, real_err, captured, nowhere;

/* Of the sanitizers, where they are linked. */
__attribute__((weak)) void __sanitizer_set_report_fd(void *fd);

const FuzzReader *
fuzz_reader_find(const char *name)
{
  for (const FuzzReader *reader = fuzz_readers; reader->name != NULL; reader++)
    if (g_str_equal(reader->name, name))
      return reader;
  return NULL;
}

/* Standard output goes nowhere, standard error is kept, while the program runs. */
static void
redirect(gboolean away)
{
  fflush(stdout);
  dup2(away ? nowhere : real_out, STDOUT_FILENO);
  dup2(away ? captured : real_err, STDERR_FILENO);
}

static void
start_capturing(void)
{
  if (captured > 0)
    return;
  real_out = dup(STDOUT_FILENO);
  real_err = dup(STDERR_FILENO);
  nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  captured = memfd_create("messages", MFD_CLOEXEC);
  g_assert_cmpint(MIN(MIN(real_out, real_err), MIN(nowhere, captured)), >, 0);
  if (__sanitizer_set_report_fd != NULL)
    __sanitizer_set_report_fd(GINT_TO_POINTER(real_err));
}

/* What was said on standard error; the caller frees it. */
static char *
take_messages(void)
{
  off_t bytes = lseek(captured, 0, SEEK_END);
  char *text = g_malloc0((gsize)bytes + 1);

  g_assert_cmpint(pread(captured, text, (gsize)bytes, 0), ==, bytes);
  g_assert_cmpint(ftruncate(captured, 0), ==, 0);
  lseek(captured, 0, SEEK_SET);
  return text;
}

/* GLib ends a program that warns, or finds no memory, by SIGTRAP, which libFuzzer does not know:
 * what was said is told, and it is a find as any other. */
static void
on_trap(int signal_number)
{
  char text[4096];
  ssize_t bytes = pread(captured, text, sizeof text, 0);

  (void)signal_number;
  if (bytes > 0 && write(real_err, text, (gsize)bytes) != bytes)
    _exit(1);
  abort();
}

/* "spillway VERB: note: …". */
static gboolean
is_note(const char *line)
{
  const char *behind_verb = strstr(line, ": ");

  return behind_verb != NULL && g_str_has_prefix(behind_verb, ": note: ");
}

/* Lines that are neither notes nor the second line of a message. */
static guint
count_messages(const char *text)
{
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  guint n = 0;

  for (char **line = lines; *line != NULL; line++)
    n += g_str_has_prefix(*line, "spillway") && !is_note(*line);
  return n;
}

/* "SRC/…" is a path in the source tree, "@FILE" what the file holds, up to a NUL; the caller frees
 * it. */
static char *
expand(const char *word)
{
  char *content = NULL;

  if (g_str_has_prefix(word, "SRC/"))
    return g_build_filename(SPILLWAY_SRCDIR, word + 4, NULL);
  if (word[0] == '@' && g_file_get_contents(word + 1, &content, NULL, NULL))
    return content;
  return g_strdup(word);
}

/* The exit status of a command; the first word is the program. */
static int
run_words(char **words, char **messages)
{
  guint n = g_strv_length(words);
  g_autofree char **passed = g_new0(char *, n + 1); /* verbs take words out of it */
  g_auto(GStrv) expanded = g_new0(char *, n + 1);
  int status;

  for (guint i = 0; i < n; i++)
    passed[i] = expanded[i] = expand(words[i]);
  redirect(TRUE);
  status = program_main(&program, (int)n, passed);
  redirect(FALSE);
  *messages = take_messages();
  return status;
}

/* The same as it would be typed. */
static int
run(const char *command, char **messages)
{
  g_autofree char *line = g_strconcat("spillway ", command, NULL);
  g_auto(GStrv) words = NULL;

  g_assert_true(g_shell_parse_argv(line, NULL, &words, NULL));
  return run_words(words, messages);
}

static void
fail(const char *command, int status, const char *messages)
{
  dprintf(real_err, "spillway %s: status %d, messages:\n%s\n", command, status, messages);
  abort();
}

static void
prepare(const char *command)
{
  g_autofree char *messages = NULL;
  int status = run(command, &messages);

  if (status != CLI_DONE)
    fail(command, status, messages);
}

void
fuzz_reader_begin(const FuzzReader *reader)
{
  g_autoptr(GError) error = NULL;

  setlocale(LC_ALL, "C.UTF-8");
  start_capturing();
  signal(SIGTRAP, on_trap);
  scratch = g_dir_make_tmp("spillway-fuzz-XXXXXX", &error);
  g_assert_no_error(error);
  g_assert_cmpint(g_chdir(scratch), ==, 0);
  for (guint i = 0; reader->files[i] != NULL; i++) {
    g_autofree char *folder = g_path_get_dirname(reader->files[i]);
    g_mkdir_with_parents(folder, 0700);
  }
  for (guint i = 0; i < G_N_ELEMENTS(reader->prepare) && reader->prepare[i] != NULL; i++)
    prepare(reader->prepare[i]);
  if (reader->edits)
    edits_begin("template.db");
}

static void
remove_all(const char *path)
{
  g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
  const char *name;

  while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
    g_autofree char *file = g_build_filename(path, name, NULL);
    remove_all(file);
  }
  g_remove(path);
}

void
fuzz_reader_end(void)
{
  edits_end();
  g_assert_cmpint(g_chdir("/"), ==, 0);
  remove_all(scratch);
  g_clear_pointer(&scratch, g_free);
}

static void
write_file(const char *path, const guint8 *data, gsize bytes)
{
  int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  g_assert_cmpint(file, >=, 0);
  g_assert_cmpint(write(file, data, bytes), ==, (gssize)bytes);
  close(file);
}

/* Puts a binary trace's length and the sums of its words where they belong
 * (traces/formats/binary.h), so that what is behind the check of them is reached. */
static void
sum_up(const char *path)
{
  g_autofree char *content = NULL;
  BinaryChecksum sums = {0, 0};
  gsize bytes, n;
  g_autofree guint64 *words = NULL;

  g_assert_true(g_file_get_contents(path, &content, &bytes, NULL));
  n = bytes / sizeof *words;
  if (n < BINARY_WORDS + BINARY_CHECKSUM_WORDS)
    return;
  words = g_memdup2(content, n * sizeof *words);
  words[BINARY_WORD_FILE_BYTES] = GUINT64_TO_LE(n * sizeof *words);
  binary_checksum_add(&sums, words, n - BINARY_CHECKSUM_WORDS);
  words[n - 2] = GUINT64_TO_LE(sums.sum);
  words[n - 1] = GUINT64_TO_LE(sums.sum_of_sums);
  write_file(path, (const guint8 *)words, n * sizeof *words);
}

/* A part that is missing is a file that is missing. */
static void
write_parts(const FuzzReader *reader, const guint8 *data, gsize bytes)
{
  for (guint i = 0; reader->files[i] != NULL; i++) {
    const guint8 *end = reader->files[i + 1] != NULL ? memchr(data, FUZZ_SEPARATOR, bytes) : NULL;
    gsize part = end != NULL ? (gsize)(end - data) : bytes;
    write_file(reader->files[i], data, part);
    if (end == NULL) {
      while (reader->files[++i] != NULL)
        g_unlink(reader->files[i]);
      return;
    }
    data += part + 1;
    bytes -= part + 1;
  }
}

/* What a command said of an input is as it has to be; what it wrote is removed. */
static void
judge(const char *command, int status, const char *messages)
{
  gboolean well = (status == CLI_DONE && count_messages(messages) == 0) ||
                  (status == CLI_USAGE && count_messages(messages) == 1);

  if (!well)
    fail(command, status, messages);
  g_unlink("out");
  g_unlink("out.db");
  g_unlink("out.html");
}

static void
try_options(const guint8 *data, gsize bytes)
{
  g_auto(GStrv) words = options_words(data, bytes);
  g_autofree char *messages = NULL, *command = NULL;
  int status;

  if (words == NULL)
    return;
  command = g_strjoinv(" ", words + 1);
  status = run_words(words, &messages);
  judge(command, status, messages);
}

void
fuzz_reader_try(const FuzzReader *reader, const guint8 *data, gsize bytes)
{
  if (reader->options) {
    try_options(data, bytes);
    return;
  }
  if (reader->edits)
    edits_apply("template.db", reader->files[0], data, bytes);
  else
    write_parts(reader, data, bytes);
  if (reader->sums)
    sum_up(reader->files[0]);
  for (guint i = 0; i < G_N_ELEMENTS(reader->commands) && reader->commands[i] != NULL; i++) {
    g_autofree char *messages = NULL;
    int status = run(reader->commands[i], &messages);
    judge(reader->commands[i], status, messages);
  }
}
