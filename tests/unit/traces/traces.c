/* Traces: what is read from good files, what is said about bad ones, that nothing crashes on any
 * bytes, and that what is written reads back.
 */
#include "sim/units.h"
#include "traces/gen.h"
#include "traces/stats.h"
#include "traces/trace.h"
#include "tests/unit/traces/trace_fixture.h"

#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static Workload *
read_bytes(const TraceFixture *fixture, const char *bytes, gssize length, TraceNotes *notes,
           GError **error)
{
  g_assert_true(g_file_set_contents(fixture->path, bytes, length, NULL));
  return trace_read(fixture->path, NULL, notes, error);
}

/* One valid file a form, which several tests use. */
static const char spillway_text[] = "# spillway-trace 1\n"
                                    "arrival_s,prompt_tokens,output_tokens,id,priority,max_tokens\n"
                                    "0,100,10,a,0,10\n"
                                    "0.000000000001,200,20,\"b,\"\"c\",-3,64\n"
                                    "\n"
                                    "12.5,300,30,7,2,30\n";
static const char azure_text[] = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n"
                                 "2023-11-16 23:59:59.9799600,4808,10\r\n"
                                 "2023-11-17 00:00:00,3180,8\r\n"
                                 "2023-11-17 00:00:01+00:00,0,8\r\n"
                                 "2023-11-17 02:00:01.5+02:00,110,27";
static const char burstgpt_text[] =
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "45,1,3.5,ChatGPT,472,18,490,Conversation log\n"
    "118.0,2,1.5,\"GPT-4, new\",1087,0,1087,Conversation log\n"
    "120.25,3,2.5,GPT-4,417,276,693,API log\n";
static const char vidur_text[] = "request_id,arrived_at,num_prefill_tokens,num_decode_tokens\n"
                                 "0,1e-05,374,44\n"
                                 "1,0.41983712374812374,396.0,109\n";
static const char mooncake_text[] =
    "{\"timestamp\": 0, \"input_length\": 1000, \"output_length\": 6, \"hash_ids\": [0, 1]}\n"
    "{\"timestamp\": 508.429, \"input_length\": 33, \"output_length\": 2, \"hash_ids\": [0, 9, "
    "-1], "
    "\"hash_block_tokens\": 16, \"id\": \"x-1\", \"max_tokens\": 9}\n"
    "{\"timestamp\": 600, \"input_length\": 33, \"output_length\": 0, \"hash_ids\": []}\n";
static const char benchmark_text[] =
    "{\"request_id\": \"b-0\", \"input_toks\": 8, \"output_toks\": 3, \"arrival_time\": "
    "1777142839.338653, \"queued_ts\": 1.5}\n"
    "{\"request_id\": \"b-1\", \"input_toks\": 9, \"output_toks\": 4, \"arrival_time\": "
    "1777142838.338652}\n";
static const char steps_text[] = "id,arrival_step,prompt_tokens,output_tokens\n"
                                 "#1,73,18,239\n"
                                 "0,3,157,27\n";

static const struct {
  const char *form, *text;
  guint requests;
  struct {
    const char *id;
    gint64 arrival_ps;
    guint32 prompt, output, hashes;
  } expected[3];
  const char *note;
} good[] = {
    {"spillway",
     spillway_text,
     3,
     {{"a", 0, 100, 10, 0}, {"b,\"c", 1, 200, 20, 0}, {"7", 12500000000000, 300, 30, 0}},
     NULL},
    {"azure",
     azure_text,
     3,
     {{"0", 0, 4808, 10, 0}, {"1", 20040000000, 3180, 8, 0}, {"2", 1520040000000, 110, 27, 0}},
     "1 requests with no prompt tokens skipped"},
    {"burstgpt",
     burstgpt_text,
     2,
     {{"0", 0, 472, 18, 0}, {"1", 75250000000000, 417, 276, 0}},
     "1 requests with no output tokens skipped"},
    {"vidur", vidur_text, 2, {{"0", 10000000, 374, 44, 0}, {"1", 419837123748, 396, 109, 0}}, NULL},
    {"mooncake",
     mooncake_text,
     2,
     {{"0", 0, 1000, 6, 2}, {"x-1", 508429000000, 33, 2, 3}},
     "1 requests with no output tokens skipped"},
    {"benchmark",
     benchmark_text,
     2,
     {{"b-1", 0, 9, 4, 0}, {"b-0", 1000001000000, 8, 3, 0}},
     "arrivals went backward at line 2; sorted"},
    {"steps",
     steps_text,
     2,
     {{"0", 3 * PS_PER_S, 157, 27, 0}, {"#1", 73 * PS_PER_S, 18, 239, 0}},
     "arrivals went backward at line 3; sorted"},
};

static void
test_good(TraceFixture *fixture, gconstpointer data)
{
  (void)data;
  for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(TraceNotes) notes = trace_notes_new();
    g_autoptr(Workload) workload = read_bytes(fixture, good[i].text, -1, notes, &error);

    g_assert_no_error(error);
    g_assert_cmpstr(notes->format->name, ==, good[i].form);
    g_assert_cmpuint(workload_count(workload), ==, good[i].requests);
    for (guint32 r = 0; r < good[i].requests; r++) {
      const Request *request = workload_request(workload, r);
      char buffer[24];
      g_assert_cmpstr(workload_id(workload, r, buffer), ==, good[i].expected[r].id);
      g_assert_cmpint(request->arrival_ps, ==, good[i].expected[r].arrival_ps);
      g_assert_cmpuint(request->prompt_tokens, ==, good[i].expected[r].prompt);
      g_assert_cmpuint(request->output_tokens, ==, good[i].expected[r].output);
      g_assert_cmpuint(request->hash_count, ==, good[i].expected[r].hashes);
    }
    g_assert_cmpuint(notes->texts->len, ==, good[i].note != NULL);
    if (good[i].note != NULL)
      g_assert_true(g_str_has_suffix(g_ptr_array_index(notes->texts, 0), good[i].note));
  }
}

/* The same content with a byte order mark and CRLF, as gzip, from standard input. */
static void
test_wrappings(TraceFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(GString) text = g_string_new("\xef\xbb\xbf");
  g_autofree char *zipped = g_strconcat(fixture->path, ".gz", NULL);
  g_autofree char *bytes = NULL;
  gsize length;
  int keep = dup(STDIN_FILENO);

  (void)data;
  for (const char *c = spillway_text; *c != '\0'; c++) {
    if (*c == '\n')
      g_string_append_c(text, '\r');
    g_string_append_c(text, *c);
  }
  g_autoptr(Workload) first = read_bytes(fixture, text->str, -1, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(workload_count(first), ==, 3);

  g_assert_true(trace_write(zipped, &trace_format_mooncake, first, NULL, NULL, &error));
  g_autoptr(Workload) second = trace_read(zipped, "auto", NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(workload_count(second), ==, 3);

  g_assert_true(g_file_get_contents(zipped, &bytes, &length, NULL));
  for (gsize cut = 0; cut < length; cut++) { /* a truncated one is never taken for a whole one */
    g_autoptr(GError) cut_error = NULL;
    g_assert_null(read_bytes(fixture, bytes, (gssize)cut, NULL, &cut_error));
    g_assert_nonnull(strstr(cut_error->message, fixture->path));
  }
  g_assert_true(g_freopen(zipped, "rb", stdin) != NULL);
  g_autoptr(Workload) third = trace_read("-", NULL, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(workload_count(third), ==, 3);
  dup2(keep, STDIN_FILENO);
  close(keep);
  g_remove(zipped);
}

/* gzip files may be concatenated, and padded with zeros. */
static void
test_gzip_members(TraceFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Workload) one = read_bytes(fixture, burstgpt_text, -1, NULL, &error);
  g_autofree char *zipped = g_strconcat(fixture->path, ".gz", NULL);
  g_autofree char *bytes = NULL;
  g_autoptr(GString) twice = g_string_new(NULL);
  gsize length;

  (void)data;
  g_assert_true(trace_write(zipped, &trace_format_mooncake, one, NULL, NULL, &error));
  g_assert_true(g_file_get_contents(zipped, &bytes, &length, NULL));
  g_remove(zipped);
  g_string_append_len(twice, bytes, (gssize)length);
  g_string_append_len(twice, bytes, (gssize)length);
  g_string_append_len(twice, "\0\0\0\0", 4);
  g_autoptr(Workload) both = read_bytes(fixture, twice->str, (gssize)twice->len, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(workload_count(both), ==, 2 * workload_count(one));
  g_assert_cmpint(workload_request(both, 0)->arrival_ps, ==, workload_request(both, 1)->arrival_ps);
}

/* Longer than a run can be, but not the part of it. */
static void
test_part(TraceFixture *fixture, gconstpointer data)
{
  const char *text = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
                     "5,m,1,1,2,x\n1000005,m,1,1,2,x\n5000005,m,1,1,2,x\n";
  g_autoptr(GError) error = NULL;

  (void)data;
  g_assert_null(read_bytes(fixture, text, -1, NULL, &error));
  g_assert_nonnull(strstr(error->message, "found a request after 57.9 days"));
  g_clear_error(&error);
  g_autoptr(Workload) two = trace_read_part(fixture->path, "burstgpt", 2, 1, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(workload_count(two), ==, 2);
  g_autoptr(Workload) half = trace_read_part(fixture->path, NULL, 0, 0.5, NULL, &error);
  g_assert_no_error(error);
  g_assert_cmpint(workload_request(half, 2)->arrival_ps, ==, 2500000 * PS_PER_S);
}

#define HEADER "arrival_s,prompt_tokens,output_tokens\n"
#define ID_HEADER "id,arrival_s,prompt_tokens,output_tokens\n"
#define AZURE "TIMESTAMP,ContextTokens,GeneratedTokens\n"
#define LINE(members) "{\"timestamp\": 1, \"input_length\": 5" members "}\n"

static const struct {
  const char *text, *message; /* the message after the path */
} bad[] = {
    {"", ": the file is empty, expected a trace"},
    {"\n\n# nothing\n", ": the file is empty, expected a trace"},
    {HEADER, ": found no requests, expected at least one"},
    {AZURE "2023-11-16 18:17:03,5,0\n", ": found only requests without tokens"},
    {"a,b\n1,2\n", ":1:1: found 'a,b' in the first line, expected the start of a trace, such as "},
    {"\x89PNG\x01\n", ":1:1: found '\\x89PNG\\x01' in the first line"},
    {"arrival_s,prompt_tokens\n0,1\n", "; it lacks output_tokens"},
    {"arrival_s,prompt_tokens,output_tokens,prioriy\n",
     ":1:39: found 'prioriy' in the header, expected only the columns "},
    {"arrival_s,prompt_tokens,output_tokens,arrival_s\n", "expected this column only once"},
    {"# spillway-trace 2\n" HEADER "0,1,1\n", ":1:18: found '2' in the trace's format number"},
    {HEADER "0,1\n", ":2:1: found '0,1', expected 3 fields as in the header; there are only 2, "
                     "none for output_tokens"},
    {HEADER "0,1,2,3\n", "expected 3 fields as in the header; there are 4"},
    {HEADER "0,1,\n", ":2:5: found nothing in output_tokens, expected a whole number from 1"},
    {HEADER "0,1,1\n0,xyz,1\n", ":3:3: found 'xyz' in prompt_tokens, expected a whole number from "
                                "1 to 1000000000"},
    {HEADER "0,0,1\n", ":2:3: found '0' in prompt_tokens"},
    {HEADER "0,1,0\n", ":2:5: found '0' in output_tokens"},
    {HEADER "0,-1,1\n", "found '-1' in prompt_tokens"},
    {HEADER "0,1.5,1\n", "found '1.5' in prompt_tokens"},
    {HEADER "0,1000000001,1\n", "found '1000000001' in prompt_tokens"},
    {HEADER "0,99999999999999999999999,1\n", "found '99999999999999999999999' in prompt_tokens"},
    {HEADER "nan,1,1\n", "found 'nan' in arrival_s, expected seconds"},
    {HEADER "inf,1,1\n", "found 'inf' in arrival_s"},
    {HEADER "-0.5,1,1\n", "found '-0.5' in arrival_s"},
    {HEADER "1e,1,1\n", "found '1e' in arrival_s"},
    {HEADER "1e99,1,1\n", "found '1e99' in arrival_s"},
    {HEADER ".,1,1\n", "found '.' in arrival_s"},
    {HEADER "0x1p3,1,1\n", "found '0x1p3' in arrival_s"},
    {HEADER "4611687,1,1\n", ": found a request after 53.4 days, expected none after 53.4; take"},
    {HEADER "9223372,1,1\n", "expected a time before 9223371 s (106 days)"},
    {HEADER "1,\"2,1\n", ":2:3: found '\"2' in prompt_tokens, expected quotes that pair"},
    {HEADER "1,\xff\xfe,1\n", "found '\\xff\\xfe' in prompt_tokens"},
    {ID_HEADER "\xff,1,1,1\n", "found '\\xff' in id, expected UTF-8 text"},
    {ID_HEADER ",1,1,1\n", "found nothing in id"},
    {ID_HEADER "5,1,1,1\n6,1,1,1\n5,1,1,1\n", ":4: found the id '5' again (it is on line 2)"},
    {ID_HEADER "a,1,1,1\na,1,1,1\n", ":3: found the id 'a' again (it is on line 2)"},
    {"arrival_s,prompt_tokens,output_tokens,priority\n0,1,1,high\n", "found 'high' in priority"},
    {"arrival_s,prompt_tokens,output_tokens,max_tokens\n0,1,9,\n0,1,9,8\n",
     ":3: found 8 in max_tokens, expected at least the 9 tokens of the output"},
    {"arrival_s,prompt_tokens,output_tokens,max_tokens\n0,1,9,x\n",
     ":2:7: found 'x' in max_tokens"},
    {LINE(", \"output_length\": 9, \"max_tokens\": 8"), ":1: found 8 in max_tokens"},
    {"arrived_at,num_prefill_tokens,num_decode_tokens,x\n1,1,1,\xe9t\xe9\n",
     ":2:7: found '\\xe9t\\xe9', expected UTF-8 text"},
    {AZURE "2023-11-16 18:17,5,6\n", "found '2023-11-16 18:17' in TIMESTAMP, expected a time such"},
    {AZURE "2023-02-29 18:17:00,5,6\n", "found '2023-02-29 18:17:00' in TIMESTAMP"},
    {AZURE "2023-02-28 18:17:00+25:00,5,6\n", "in TIMESTAMP"},
    {AZURE "2023-02-28 18:17:00,5,6\n2024-02-28 18:17:00,5,6\n", "expected a time within 9223371"},
    {AZURE "2023-04-28 18:17:00,5,6\n2023-02-28 18:17:00,5,6\n2023-07-28 18:17:00,5,6\n",
     ": found requests 150.0 days apart, expected at most 106 days"},
    {"id,arrival_step,prompt_tokens,output_tokens\n0,1.5,1,1\n", "found '1.5' in arrival_step"},
    {LINE(""), ":1:1: found '{"},
    {LINE(", \"output_length\": 1") "{\"timestamp\": 2, \"inp",
     "expected a JSON object on one line"},
    {LINE(", \"output_length\": 1") "[1]\n", ":2:1: found '[1]', expected a JSON object"},
    {LINE(", \"output_length\": 1") LINE(""), ", expected a member \"output_length\""},
    {LINE(", \"output_length\": \"7\""), ":1:37: found '\"7\"' in output_length, expected a whole"},
    {LINE(", \"output_length\": 1.5"), "found '1.5' in output_length"},
    {LINE(", \"output_length\": -1"), "found '-1' in output_length"},
    {LINE(", \"output_length\": 99999999999999999999"), "too big integer"},
    {LINE(", \"output_length\": 1, \"hash_ids\": 3"), "in hash_ids, expected a list"},
    {LINE(", \"output_length\": 1, \"hash_ids\": [\"a\"]"), "in hash_ids, expected a list"},
    {LINE(", \"output_length\": 1, \"hash_ids\": [1,2]"), "expected at most 1 hashes for a prompt"},
    {LINE(", \"output_length\": 1, \"hash_block_tokens\": 0"), "in hash_block_tokens"},
    {LINE(", \"output_length\": 1, \"id\": null"), "found 'null' in id"},
    {LINE(", \"output_length\": 1, \"output_length\": 1"), "duplicate"},
    {"{\"timestamp\": -1, \"input_length\": 5, \"output_length\": 1}", "found '-1' in timestamp"},
    {"{\"timestamp\": 1e300, \"input_length\": 5, \"output_length\": 1}", "in timestamp"},
};

static void
test_bad(TraceFixture *fixture, gconstpointer data)
{
  (void)data;
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(read_bytes(fixture, bad[i].text, -1, NULL, &error));
    g_assert_true(g_str_has_prefix(error->message, fixture->path));
    if (strstr(error->message, bad[i].message) == NULL)
      g_error("%s\nlacks: %s", error->message, bad[i].message);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
  }
}

static void
test_not_files(TraceFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) missing = NULL, folder = NULL, format = NULL, header = NULL;

  (void)data;
  g_assert_null(trace_read("/nowhere/trace.csv", NULL, NULL, &missing));
  g_assert_cmpstr(missing->message, ==,
                  "/nowhere/trace.csv: cannot be opened: No such file or directory");
  g_assert_null(trace_read(fixture->folder, NULL, NULL, &folder));
  g_assert_true(g_str_has_suffix(folder->message, ": is a directory, expected a trace file"));
  g_assert_null(trace_read(fixture->path, "csv", NULL, &format));
  g_assert_cmpstr(format->message, ==, "no trace format is called 'csv'");
  g_assert_true(g_file_set_contents(fixture->path, HEADER "0,1,1\n", -1, NULL));
  g_assert_null(trace_read(fixture->path, "azure", NULL, &header));
  g_assert_nonnull(strstr(header->message, "expected the header TIMESTAMP,ContextTokens"));
}

/* Whatever the bytes: a sealed workload with requests in bounds, or one message that names the
 * file. */
static void
check_any(const TraceFixture *fixture, const char *bytes, gsize length)
{
  g_autoptr(GError) error = NULL;
  g_autoptr(Workload) workload = read_bytes(fixture, bytes, (gssize)length, NULL, &error);

  g_assert_true((workload == NULL) == (error != NULL));
  if (workload == NULL) {
    g_assert_true(g_str_has_prefix(error->message, fixture->path));
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    return;
  }
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    g_assert_cmpint(request->arrival_ps, >=, 0);
    g_assert_cmpint(request->arrival_ps, <=, TIME_MAX_PS);
    g_assert_cmpuint(request->prompt_tokens - 1, <, 1000000000);
    g_assert_cmpuint(request->output_tokens - 1, <, 1000000000);
  }
}

static void
test_damaged(TraceFixture *fixture, gconstpointer data)
{
  RandomStream random;

  (void)data;
  random_init(&random, 7, 0);
  for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
    gsize length = strlen(good[i].text);
    for (gsize cut = 0; cut < length; cut++)
      check_any(fixture, good[i].text, cut);
    for (guint round = 0; round < 400; round++) {
      g_autofree char *bytes = g_strdup(good[i].text);
      for (guint64 flips = 1 + random_below(&random, 3); flips > 0; flips--)
        bytes[random_below(&random, length)] ^= (char)(1 << random_below(&random, 8));
      if (round % 4 == 0)
        memset(bytes + random_below(&random, length), (int)random_below(&random, 256), 1);
      check_any(fixture, bytes, length);
    }
  }
}

static void
test_round_trips(TraceFixture *fixture, gconstpointer data)
{
  (void)data;
  for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Workload) workload = read_bytes(fixture, good[i].text, -1, NULL, &error);
    for (const TraceFormat *const *format = trace_formats; *format != NULL; format++) {
      g_autoptr(GError) write_error = NULL;
      g_autoptr(Workload) again = NULL;
      GString *text, *second;
      gint64 zero_ps =
          (*format)->flags & TRACE_TIME_ABSOLUTE ? workload_request(workload, 0)->arrival_ps : 0;
      if ((*format)->write == NULL)
        continue;
      text = trace_print(*format, workload, "a comment", &write_error);
      if (*format == &trace_format_steps && !g_str_equal(good[i].form, "steps")) {
        g_assert_nonnull(strstr(write_error->message, "whole seconds only"));
        continue;
      }
      g_assert_no_error(write_error);
      again = read_bytes(fixture, text->str, (gssize)text->len, NULL, &error);
      g_assert_no_error(error);
      g_assert_cmpuint(workload_count(again), ==, workload_count(workload));
      for (guint32 r = 0; r < workload_count(again); r++) {
        const Request *a = workload_request(workload, r), *b = workload_request(again, r);
        g_assert_cmpint(a->arrival_ps - zero_ps, ==, b->arrival_ps);
        g_assert_cmpuint(a->prompt_tokens, ==, b->prompt_tokens);
        g_assert_cmpuint(a->output_tokens, ==, b->output_tokens);
        if ((*format)->flags & TRACE_KEEPS_HASHES)
          g_assert_cmpuint(a->hash_count, ==, b->hash_count);
      }
      second = trace_print(*format, again, "a comment", &error);
      if (zero_ps == 0)
        g_assert_cmpmem(second->str, second->len, text->str, text->len);
      g_string_free(text, TRUE);
      g_string_free(second, TRUE);
    }
  }
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add("/traces/good", TraceFixture, NULL, trace_fixture_set_up, test_good,
             trace_fixture_tear_down);
  g_test_add("/traces/wrappings", TraceFixture, NULL, trace_fixture_set_up, test_wrappings,
             trace_fixture_tear_down);
  g_test_add("/traces/gzip-members", TraceFixture, NULL, trace_fixture_set_up, test_gzip_members,
             trace_fixture_tear_down);
  g_test_add("/traces/part", TraceFixture, NULL, trace_fixture_set_up, test_part,
             trace_fixture_tear_down);
  g_test_add("/traces/bad", TraceFixture, NULL, trace_fixture_set_up, test_bad,
             trace_fixture_tear_down);
  g_test_add("/traces/not-files", TraceFixture, NULL, trace_fixture_set_up, test_not_files,
             trace_fixture_tear_down);
  g_test_add("/traces/damaged", TraceFixture, NULL, trace_fixture_set_up, test_damaged,
             trace_fixture_tear_down);
  g_test_add("/traces/round-trips", TraceFixture, NULL, trace_fixture_set_up, test_round_trips,
             trace_fixture_tear_down);
  return g_test_run();
}
