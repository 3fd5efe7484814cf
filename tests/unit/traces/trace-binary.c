/* The binary form of traces: its bytes are the same on every machine, all that a workload holds
 * comes back, and no byte can be lost, added or changed unnoticed.
 */
#include "traces/formats/binary.h"
#include "traces/gen.h"
#include "traces/trace.h"
#include "tests/unit/traces/trace_fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <zlib.h>

static Workload *
read_bytes(const TraceFixture *fixture, const GString *bytes, GError **error)
{
  g_assert_true(g_file_set_contents(fixture->path, bytes->str, (gssize)bytes->len, NULL));
  return trace_read(fixture->path, NULL, NULL, error);
}

/* Three requests with hashes, and with what else is asked for. */
static Workload *
new_workload(const char *const *ids, gboolean with_priorities, gboolean with_max_tokens)
{
  static const guint64 hashes[] = {7, G_MAXUINT64, 9};
  Workload *workload = workload_new();

  for (guint i = 0; i < 3; i++) {
    const Request request = {
        .arrival_ps = i > 0 ? G_GINT64_CONSTANT(8000000000000000000) : 0,
        .prompt_tokens = i == 1 ? 1000000000 : 33 + i,
        .output_tokens = 5 - i,
        .hash_count = i == 1 ? 0 : 3,
        .hash_block_tokens = i == 1 ? 0 : 16,
        .max_tokens = with_max_tokens ? 5 + i : 0,
    };
    workload_add(workload, &request, ids != NULL ? ids[i] : NULL, hashes);
    if (with_priorities)
      workload_set_priority(workload, (gint32)i - 1);
  }
  g_assert_true(workload_seal(workload, NULL));
  return workload;
}

static void
assert_equal(const Workload *a, const Workload *b)
{
  g_assert_cmpuint(workload_count(a), ==, workload_count(b));
  for (guint32 i = 0; i < workload_count(a); i++) {
    const Request *x = workload_request(a, i), *y = workload_request(b, i);
    g_autofree char *id_x = workload_id_json(a, i), *id_y = workload_id_json(b, i);
    g_assert_cmpint(x->arrival_ps, ==, y->arrival_ps);
    g_assert_cmpuint(x->prompt_tokens, ==, y->prompt_tokens);
    g_assert_cmpuint(x->output_tokens, ==, y->output_tokens);
    g_assert_cmpint(workload_priority(a, i), ==, workload_priority(b, i));
    g_assert_cmpuint(request_max_tokens(x), ==, request_max_tokens(y));
    g_assert_cmpuint(x->hash_block_tokens, ==, y->hash_block_tokens);
    g_assert_cmpuint(x->hash_count, ==, y->hash_count);
    for (guint32 j = 0; j < x->hash_count; j++)
      g_assert_cmpuint(g_array_index(a->hashes, guint64, x->hash_first + j), ==,
                       g_array_index(b->hashes, guint64, y->hash_first + j));
    g_assert_cmpstr(id_x, ==, id_y);
  }
  g_assert_cmpint(a->priorities != NULL, ==, b->priorities != NULL);
  g_assert_cmpint(a->has_max_tokens, ==, b->has_max_tokens);
}

static void
test_round_trips(TraceFixture *fixture, gconstpointer data)
{
  static const char *const numbers[] = {"-5", "9223372036854775807", "3"};
  static const char *const names[] = {"b", "a \"quoted\" one", "c\xc3\xa9"};
  static const char *const texts[] = {"-0", "9223372036854775808", "007"};
  const char *const *const ids[] = {NULL, numbers, names, texts};

  (void)data;
  for (guint i = 0; i < 4 * G_N_ELEMENTS(ids); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Workload) workload = new_workload(ids[i / 4], i % 2 == 1, i / 2 % 2 == 1);
    g_autoptr(Workload) again = NULL;
    GString *bytes, *second;

    bytes = trace_print(&trace_format_binary, workload, "what made it", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(bytes->len % 8, ==, 0);
    again = read_bytes(fixture, bytes, &error);
    /* past what a run can last, which trace_read() says last of all */
    g_assert_nonnull(strstr(error->message, "found a request after 92.6 days"));
    g_clear_error(&error);
    again = trace_read_part(fixture->path, NULL, 0, 0.5, NULL, &error);
    g_assert_no_error(error);
    g_assert_true(workload_trim(workload, 0, 0.5, &error));
    assert_equal(workload, again);
    second = trace_print(&trace_format_binary, again, "what made it", &error);
    g_assert_cmpuint(second->len, ==, bytes->len);
    g_string_free(bytes, TRUE);
    g_string_free(second, TRUE);
  }
}

/* Written down byte by byte, so that a machine of the other byte order cannot agree with itself. */
static void
test_bytes(void)
{
  static const guint8 expected[] = {
      0x89, 'S',  'P',  'W',  '\r', '\n', 0x1a, '\n', /* mark */
      2,    0,    0,    0,    0,    0,    0,    0,    /* format 2, no parts */
      1,    0,    0,    0,    0,    0,    0,    0,    /* requests */
      0,    0,    0,    0,    0,    0,    0,    0,    /* hashes */
      0,    0,    0,    0,    0,    0,    0,    0,    /* bytes of names */
      2,    0,    0,    0,    0,    0,    0,    0,    /* bytes of the comment */
      104,  0,    0,    0,    0,    0,    0,    0,    /* bytes of the file */
      0,    0,    0,    0,    0,    0,    0,    0,    /* reserved */
      'h',  'i',  0,    0,    0,    0,    0,    0,    /* comment */
      0,    0x10, 0xa5, 0xd4, 0xe8, 0,    0,    0,    /* 10^12 ps */
      0xe8, 3,    0,    0,    7,    0,    0,    0,    /* 1000 and 7 tokens */
  };
  g_autoptr(Workload) workload = workload_new();
  const Request request = {.arrival_ps = 1000000000000, .prompt_tokens = 1000, .output_tokens = 7};
  guint64 sum = 0, sum_of_sums = 0;
  GString *bytes;

  workload_add(workload, &request, NULL, NULL);
  bytes = trace_print(&trace_format_binary, workload, "hi", NULL);
  g_assert_cmpuint(bytes->len, ==, 104);
  g_assert_cmpmem(bytes->str, sizeof expected, expected, sizeof expected);
  for (gsize i = 0; i < sizeof expected; i += 8) {
    guint64 word = 0;
    for (gsize j = 8; j-- > 0;)
      word = word << 8 | expected[i + j];
    sum += word;
    sum_of_sums += sum;
  }
  for (gsize j = 0; j < 8; j++) {
    g_assert_cmpuint((guint8)bytes->str[88 + j], ==, (guint8)(sum >> 8 * j));
    g_assert_cmpuint((guint8)bytes->str[96 + j], ==, (guint8)(sum_of_sums >> 8 * j));
  }
  g_string_free(bytes, TRUE);
}

static void
assert_refused(const TraceFixture *fixture, const GString *bytes, const char *expected)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Workload) workload = read_bytes(fixture, bytes, &error);

  g_assert_null(workload);
  g_assert_true(g_str_has_prefix(error->message, fixture->path));
  g_assert_null(strchr(error->message, '\n'));
  g_assert_true(g_utf8_validate(error->message, -1, NULL));
  if (expected != NULL && strstr(error->message, expected) == NULL)
    g_error("no '%s' in: %s", expected, error->message);
}

static GString *
small_trace(gboolean with_max_tokens)
{
  static const char *const names[] = {"b", "a", "c"};
  g_autoptr(Workload) workload = new_workload(names, TRUE, with_max_tokens);

  g_assert_true(workload_trim(workload, 0, 1e-3, NULL));
  return trace_print(&trace_format_binary, workload, NULL, NULL);
}

/* Every cut, every changed bit (but for the mark, by which a file is known), every exchange of two
 * words. */
static void
test_damage(TraceFixture *fixture, gconstpointer data)
{
  GString *whole = small_trace(TRUE);

  (void)data;
  for (gsize cut = BINARY_MARK_BYTES; cut < whole->len; cut++) {
    GString *bytes = g_string_new_len(whole->str, (gssize)cut);
    assert_refused(fixture, bytes, "truncated");
    g_string_free(bytes, TRUE);
  }
  for (gsize bit = 8 * BINARY_MARK_BYTES; bit < 8 * whole->len; bit++) {
    GString *bytes = g_string_new_len(whole->str, (gssize)whole->len);
    bytes->str[bit / 8] ^= (char)(1 << bit % 8);
    assert_refused(fixture, bytes, NULL);
    g_string_free(bytes, TRUE);
  }
  for (gsize i = 8; i + 16 <= whole->len; i += 8) {
    GString *bytes = g_string_new_len(whole->str, (gssize)whole->len);
    memcpy(bytes->str + i, whole->str + i + 8, 8);
    memcpy(bytes->str + i + 8, whole->str + i, 8);
    if (memcmp(bytes->str + i, whole->str + i, 16) != 0)
      assert_refused(fixture, bytes, NULL);
    g_string_free(bytes, TRUE);
  }
  g_string_append(whole, "12345678");
  assert_refused(fixture, whole, "appended");
  g_string_free(whole, TRUE);
}

/* What a checksum does not catch: a program that writes nonsense and sums it up well. */
static void
test_nonsense(TraceFixture *fixture, gconstpointer data)
{
  static const struct {
    gsize word;
    guint64 value;
    const char *expected;
    gboolean with_max_tokens;
  } cases[] = {
      {BINARY_WORD_FORMAT, 3,
       "found format number 3 of binary traces, expected 1 to 2; a later version"},
      {BINARY_WORD_FORMAT, G_GUINT64_CONSTANT(63) << 32 | 2, "contradicts itself"},
      {BINARY_WORD_FORMAT, G_GUINT64_CONSTANT(27) << 32 | 1, "contradicts itself", TRUE},
      {BINARY_WORD_FORMAT, G_GUINT64_CONSTANT(3) << 32 | 2, "contradicts itself"},
      {BINARY_WORD_REQUESTS, G_MAXUINT64 / 16, "contradicts itself"},
      {BINARY_WORD_REQUESTS, 2, "contradicts itself"},
      {BINARY_WORD_HASHES, G_GUINT64_CONSTANT(1) << 61, "contradicts itself"},
      {BINARY_WORD_NAME_BYTES, G_MAXUINT64 - 6, "contradicts itself"},
      {BINARY_WORD_COMMENT_BYTES, 9, "contradicts itself"},
      {BINARY_WORD_RESERVED, 1, "contradicts itself"},
      {8, G_MAXUINT64, "request 0 (from 0): found -1 in arrival_ps"},
      {8, G_GUINT64_CONSTANT(9000000000000000000), "request 1 (from 0): found 8000000000000000 in"},
      {9, G_GUINT64_CONSTANT(5) << 32, "request 0 (from 0): found 0 in prompt_tokens"},
      {11, 5, "request 1 (from 0): found 0 in output_tokens"},
      {13, G_GUINT64_CONSTANT(1000000001) << 32 | 5, "request 2 (from 0): found 1000000001 in"},
      {14, G_GUINT64_CONSTANT(16) << 32 | 4, "request 0 (from 0): found 4 in hash_count"},
      {14, 3, "request 0 (from 0): found 0 in hash_block_tokens"},
      {15, G_GUINT64_CONSTANT(16) << 32 | 1, "more hashes than the 6"},
      {16, G_GUINT64_CONSTANT(16) << 32 | 2, "fewer hashes than the 6"},
      {19, 4, "request 0 (from 0): found 4 in max_tokens", TRUE},
      {20, 1000000001, "request 2 (from 0): found 1000000001 in max_tokens", TRUE},
      {19, 0x006300620062, "two requests have the id b"},
      {19, 0x0063000000620062, "request 2 (from 0): found the id ''"},
      {19, 0x0063006100ff, "found the id '\\xff'"},
      {19, 0x006161616162, "found 1 ids, expected 3"},
  };

  (void)data;
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    GString *bytes = small_trace(cases[i].with_max_tokens);
    gsize n = bytes->len / 8 - BINARY_CHECKSUM_WORDS;
    g_autofree guint64 *words = g_new(guint64, n + BINARY_CHECKSUM_WORDS);
    BinaryChecksum checksum = {0};
    memcpy(words, bytes->str, n * 8);
    words[cases[i].word] = GUINT64_TO_LE(cases[i].value);
    binary_checksum_add(&checksum, words, n);
    words[n] = GUINT64_TO_LE(checksum.sum);
    words[n + 1] = GUINT64_TO_LE(checksum.sum_of_sums);
    memcpy(bytes->str, words, bytes->len);
    assert_refused(fixture, bytes, cases[i].expected);
    g_string_free(bytes, TRUE);
  }
}

/* What format 1 could hold has the same bytes but for the number. */
static void
test_first_format(TraceFixture *fixture, gconstpointer data)
{
  static const char *const names[] = {"b", "a", "c"};
  g_autoptr(Workload) workload = new_workload(names, TRUE, FALSE), again = NULL;
  GString *bytes = small_trace(FALSE);
  gsize n = bytes->len / 8 - BINARY_CHECKSUM_WORDS;
  g_autofree guint64 *words = g_memdup2(bytes->str, bytes->len);
  BinaryChecksum checksum = {0};
  g_autoptr(GError) error = NULL;

  (void)data;
  words[BINARY_WORD_FORMAT] = GUINT64_TO_LE(GUINT64_FROM_LE(words[BINARY_WORD_FORMAT]) - 1);
  binary_checksum_add(&checksum, words, n);
  words[n] = GUINT64_TO_LE(checksum.sum);
  words[n + 1] = GUINT64_TO_LE(checksum.sum_of_sums);
  memcpy(bytes->str, words, bytes->len);
  again = read_bytes(fixture, bytes, &error);
  g_assert_no_error(error);
  g_assert_true(workload_trim(workload, 0, 1e-3, NULL));
  assert_equal(workload, again);
  g_string_free(bytes, TRUE);
}

/* Compressed, when the length is not known before: as long as it takes, and no longer. */
static void
test_packed(TraceFixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_strconcat(fixture->path, ".gz", NULL);
  g_autoptr(Workload) workload = NULL;
  g_autoptr(GError) error = NULL;
  TraceGen gen;

  (void)data;
  trace_gen_init(&gen);
  gen.requests = 100000; /* many windows, and not a whole number of them */
  gen.rate = 10;
  g_assert_true(lengths_parse(&gen.prompt, "uniform:1,900", LENGTHS_OF_PROMPTS, &error));
  g_assert_true(lengths_parse(&gen.output, "uniform:1,900", LENGTHS_OF_OUTPUTS, &error));
  workload = trace_gen_run(&gen, &error);
  g_assert_no_error(error);
  for (guint i = 0; i < 2; i++) {
    g_autoptr(Workload) again = NULL;
    const char *to = i == 0 ? path : fixture->path;
    g_assert_true(trace_write(to, &trace_format_binary, workload, NULL, NULL, &error));
    again = trace_read(to, i == 0 ? NULL : "binary", NULL, &error);
    g_assert_no_error(error);
    assert_equal(workload, again);
  }
  for (guint i = 0; i < 2; i++) { /* one word less, one byte more */
    g_autofree char *bytes = NULL;
    gsize length = 0;
    gzFile file;
    g_assert_true(g_file_get_contents(fixture->path, &bytes, &length, NULL));
    file = gzopen(path, "wb1e");
    g_assert_cmpint(gzwrite(file, bytes, (unsigned)(i == 0 ? length - 8 : length)), >, 0);
    if (i == 1)
      gzputc(file, 0);
    gzclose(file);
    g_assert_null(trace_read(path, NULL, NULL, &error));
    g_assert_nonnull(strstr(error->message, i == 0 ? "it is truncated" : "expected the end"));
    g_clear_error(&error);
  }
  trace_gen_clear(&gen);
  g_remove(path);
}

static void
test_not_binary(TraceFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  (void)data;
  g_assert_true(g_file_set_contents(
      fixture->path, "arrival_s,prompt_tokens,output_tokens\n0,1,1\n1,1,1\n2,1,1\n3,1,1\n", -1,
      NULL));
  g_assert_null(trace_read(fixture->path, "binary", NULL, &error));
  g_assert_nonnull(strstr(error->message, "found 'arrival_' at its start, expected a binary"));
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add("/trace-binary/round-trips", TraceFixture, "t.bin", trace_fixture_set_up,
             test_round_trips, trace_fixture_tear_down);
  g_test_add_func("/trace-binary/bytes", test_bytes);
  g_test_add("/trace-binary/damage", TraceFixture, "t.bin", trace_fixture_set_up, test_damage,
             trace_fixture_tear_down);
  g_test_add("/trace-binary/nonsense", TraceFixture, "t.bin", trace_fixture_set_up, test_nonsense,
             trace_fixture_tear_down);
  g_test_add("/trace-binary/first-format", TraceFixture, "t.bin", trace_fixture_set_up,
             test_first_format, trace_fixture_tear_down);
  g_test_add("/trace-binary/packed", TraceFixture, "t.bin", trace_fixture_set_up, test_packed,
             trace_fixture_tear_down);
  g_test_add("/trace-binary/not-binary", TraceFixture, "t.bin", trace_fixture_set_up,
             test_not_binary, trace_fixture_tear_down);
  return g_test_run();
}
