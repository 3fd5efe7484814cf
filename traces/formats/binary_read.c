/* Reads the form "binary". The parts go through a small window that stays in the processor's cache:
 * there they are added to the checksum, checked and put into the workload, so memory is written
 * once. The file is not mapped into the workload: what another program cuts off a mapped file kills
 * its reader at the next access, and pipes and gzip cannot be mapped. Nothing is taken on trust: a
 * file's length is held against its header first, and what comes by a pipe allocates as it comes.
 */
#include "binary.h"
#include "traces/reader.h"

#include <string.h>

enum { WINDOW_WORDS = 1 << 14, COMMENT_MAX_BYTES = 1 << 20 };

typedef struct {
  TraceReader *reader;
  Source *source;
  guint64 header[BINARY_WORDS];
  guint64 parts; /* BinaryParts */
  BinaryChecksum checksum;
  guint64 done_bytes;
  guint64 *window; /* WINDOW_WORDS, in the file's order of bytes */
} Unpacker;

static gboolean fail(const Unpacker *u, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static gboolean
fail(const Unpacker *u, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: %s", u->reader->name, text);
  return FALSE;
}

static gboolean
fail_request(const Unpacker *u, guint64 index, GError **error, const char *field, gint64 found,
             const char *expected)
{
  return fail(u, error,
              "request %" G_GUINT64_FORMAT " (from 0): found %" G_GINT64_FORMAT
              " in %s, expected %s; the file is damaged",
              index, found, field, expected);
}

/* The next words into the window. */
static gboolean
take_words(Unpacker *u, guint64 n, GError **error)
{
  gsize got;

  if (!source_bytes(u->source, u->window, n * 8, &got, error))
    return FALSE;
  if (got < n * 8)
    return fail(u, error,
                "the file ends after %" G_GUINT64_FORMAT " bytes, expected %" G_GUINT64_FORMAT
                "; it is truncated",
                u->done_bytes + got, u->header[BINARY_WORD_FILE_BYTES]);
  binary_checksum_add(&u->checksum, u->window, n);
  u->done_bytes += n * 8;
  return TRUE;
}

static gboolean
check_mark(const Unpacker *u, GError **error)
{
  g_autofree char *found = NULL;
  char start[BINARY_MARK_BYTES];
  gsize got;

  if (source_begins_with(u->source, BINARY_MARK, BINARY_MARK_BYTES))
    return TRUE;
  if (!source_bytes(u->source, start, sizeof start, &got, error))
    return FALSE;
  found = reader_quote(start, start + got);
  return fail(u, error, "found %s at its start, expected a binary trace", found);
}

static gboolean
check_format_number(const Unpacker *u, GError **error)
{
  guint64 number = u->header[BINARY_WORD_FORMAT] & G_MAXUINT32;

  if (number >= 1 && number <= BINARY_FORMAT_NUMBER)
    return TRUE;
  return fail(u, error,
              "found format number %" G_GUINT64_FORMAT
              " of binary traces, expected 1 to %d; a later "
              "version of spillway wrote this: convert the trace with that version, or from its "
              "source",
              number, BINARY_FORMAT_NUMBER);
}

/* The counts are in bounds and the file has the length that they give. */
static gboolean
check_header(const Unpacker *u, GError **error)
{
  const guint64 *header = u->header;
  guint64 n = header[BINARY_WORD_REQUESTS], n_hashes = header[BINARY_WORD_HASHES];
  guint64 name_bytes = header[BINARY_WORD_NAME_BYTES];
  gboolean has_names = (u->parts & BINARY_NAMES) != 0;
  gint64 length_bytes = source_length_bytes(u->source);
  guint64 known =
      (header[BINARY_WORD_FORMAT] & G_MAXUINT32) == 1 ? BINARY_MAX_TOKENS - 1 : BINARY_PARTS_KNOWN;

  if (n == 0 && u->parts == 0)
    return fail(u, error, "found no requests, expected at least one");
  if (n == 0 || n > G_MAXINT32 || n_hashes > G_MAXUINT32 || u->parts > known ||
      (n_hashes > 0) != ((u->parts & BINARY_HASHES) != 0) ||
      (has_names && (u->parts & BINARY_IDS)) || (has_names ? name_bytes < 2 * n : name_bytes > 0) ||
      name_bytes > n * (TRACE_ID_MAX_BYTES + 1) ||
      header[BINARY_WORD_COMMENT_BYTES] > COMMENT_MAX_BYTES || header[BINARY_WORD_RESERVED] != 0 ||
      header[BINARY_WORD_FILE_BYTES] != binary_file_bytes(header))
    return fail(u, error,
                "the header of this binary trace contradicts itself; the file is "
                "damaged");
  if (length_bytes >= 0 && (guint64)length_bytes != header[BINARY_WORD_FILE_BYTES])
    return fail(u, error,
                "found %" G_GINT64_FORMAT " bytes, expected %" G_GUINT64_FORMAT
                " for its %" G_GUINT64_FORMAT " requests; %s",
                length_bytes, header[BINARY_WORD_FILE_BYTES], n,
                (guint64)length_bytes < header[BINARY_WORD_FILE_BYTES]
                    ? "the file is truncated"
                    : "something was appended to it");
  return TRUE;
}

static gboolean
take_header(Unpacker *u, GError **error)
{
  u->header[BINARY_WORD_FILE_BYTES] = BINARY_WORDS * 8; /* as far as is known */
  if (!check_mark(u, error) || !take_words(u, BINARY_WORDS, error))
    return FALSE;
  for (guint i = 0; i < BINARY_WORDS; i++)
    u->header[i] = GUINT64_FROM_LE(u->window[i]);
  u->parts = u->header[BINARY_WORD_FORMAT] >> 32;
  return check_format_number(u, error) && check_header(u, error);
}

/* Skips a part that a run does not need; the checksum still sees it. */
static gboolean
take_comment(Unpacker *u, GError **error)
{
  guint64 left = binary_padded(u->header[BINARY_WORD_COMMENT_BYTES]) / 8;

  while (left > 0) {
    guint64 n = MIN(left, WINDOW_WORDS);
    if (!take_words(u, n, error))
      return FALSE;
    left -= n;
  }
  return TRUE;
}

/* One of these requests is wrong: says which and why. */
static gboolean
fail_rows(const Unpacker *u, const Request *requests, guint64 n, guint64 first, gint64 before_ps,
          GError **error)
{
  for (guint64 i = 0; i < n; i++) {
    const Request *request = &requests[i];
    if (request->arrival_ps < before_ps)
      return fail_request(u, first + i, error, "arrival_ps", request->arrival_ps,
                          "times that are not negative and do not go backward");
    if (request->prompt_tokens - 1 >= TRACE_TOKENS_MAX)
      return fail_request(u, first + i, error, "prompt_tokens", request->prompt_tokens,
                          "a number from 1 to 1000000000");
    if (request->output_tokens - 1 >= TRACE_TOKENS_MAX)
      return fail_request(u, first + i, error, "output_tokens", request->output_tokens,
                          "a number from 1 to 1000000000");
    before_ps = request->arrival_ps;
  }
  g_assert_not_reached();
}

/* The window's rows as requests. FALSE if one of them is out of bounds or order. */
static gboolean
unpack_rows(const guint64 *words, guint64 n, gint64 before_ps, Request *requests)
{
  gboolean is_bad = FALSE;

  for (guint64 i = 0; i < n; i++) {
    gint64 arrival_ps = (gint64)GUINT64_FROM_LE(words[2 * i]);
    guint64 tokens = GUINT64_FROM_LE(words[2 * i + 1]);
    guint32 prompt = (guint32)tokens, output = (guint32)(tokens >> 32);
    requests[i] =
        (Request){.arrival_ps = arrival_ps, .prompt_tokens = prompt, .output_tokens = output};
    is_bad |= (arrival_ps < before_ps) | (prompt - 1 >= TRACE_TOKENS_MAX) |
              (output - 1 >= TRACE_TOKENS_MAX);
    before_ps = arrival_ps;
  }
  return !is_bad;
}

static gboolean
take_requests(Unpacker *u, GError **error)
{
  Workload *workload = u->reader->workload;
  guint64 left = u->header[BINARY_WORD_REQUESTS];
  gint64 before_ps = 0;

  if (source_length_bytes(u->source) >= 0) /* the file is known to hold them */
    reader_reserve(u->reader, left);
  while (left > 0) {
    guint32 first = workload_count(workload), n = (guint32)MIN(left, WINDOW_WORDS / 2);
    Request *requests;
    if (!take_words(u, 2 * (guint64)n, error))
      return FALSE;
    requests = workload_extend(workload, n);
    if (!unpack_rows(u->window, n, before_ps, requests))
      return fail_rows(u, requests, n, first, before_ps, error);
    before_ps = requests[n - 1].arrival_ps;
    left -= n;
  }
  return TRUE;
}

static Request *
request_at(const Unpacker *u, guint64 index)
{
  return &g_array_index(u->reader->workload->requests, Request, index);
}

static gboolean
take_shapes(Unpacker *u, GError **error)
{
  guint64 n = u->header[BINARY_WORD_REQUESTS], hash_first = 0;

  for (guint64 i = 0; i < n; i++) {
    Request *request = request_at(u, i);
    guint64 word;
    if (i % WINDOW_WORDS == 0 && !take_words(u, MIN(n - i, WINDOW_WORDS), error))
      return FALSE;
    word = GUINT64_FROM_LE(u->window[i % WINDOW_WORDS]);
    request->hash_first = (guint32)hash_first;
    request->hash_count = (guint32)word;
    request->hash_block_tokens = (guint32)(word >> 32);
    if (request->hash_block_tokens > TRACE_TOKENS_MAX ||
        (request->hash_block_tokens == 0) != (request->hash_count == 0))
      return fail_request(u, i, error, "hash_block_tokens", request->hash_block_tokens,
                          "a number from 1 to 1000000000 where there are hashes, else 0");
    if (request->hash_count > 0 &&
        request->hash_count > (request->prompt_tokens - 1) / request->hash_block_tokens + 1)
      return fail_request(u, i, error, "hash_count", request->hash_count,
                          "no more hashes than the prompt has blocks");
    hash_first += request->hash_count;
    if (hash_first > u->header[BINARY_WORD_HASHES])
      break;
  }
  if (hash_first != u->header[BINARY_WORD_HASHES])
    return fail(u, error,
                "found requests with %s hashes than the %" G_GUINT64_FORMAT
                " that the header counts; the file is damaged",
                hash_first > u->header[BINARY_WORD_HASHES] ? "more" : "fewer",
                u->header[BINARY_WORD_HASHES]);
  return TRUE;
}

/* A number of 4 bytes a request; set() refuses one that cannot be. */
static gboolean
take_halves(Unpacker *u,
            gboolean (*set)(const Unpacker *u, guint64 index, guint32 value, GError **),
            GError **error)
{
  guint64 n = u->header[BINARY_WORD_REQUESTS];

  for (guint64 i = 0; i < n; i++) {
    guint64 at = i / 2 % WINDOW_WORDS;
    if (i % (2 * WINDOW_WORDS) == 0 && !take_words(u, MIN((n - i + 1) / 2, WINDOW_WORDS), error))
      return FALSE;
    if (!set(u, i, (guint32)(GUINT64_FROM_LE(u->window[at]) >> (i % 2 * 32)), error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
set_priority(const Unpacker *u, guint64 index, guint32 value, GError **error G_GNUC_UNUSED)
{
  g_array_index(u->reader->workload->priorities, gint32, index) = (gint32)value;
  return TRUE;
}

static gboolean
take_priorities(Unpacker *u, GError **error)
{
  GArray *priorities = g_array_new(FALSE, TRUE, sizeof(gint32));

  g_array_set_size(priorities, (guint)u->header[BINARY_WORD_REQUESTS]);
  u->reader->workload->priorities = priorities;
  return take_halves(u, set_priority, error);
}

static gboolean
set_max_tokens(const Unpacker *u, guint64 index, guint32 value, GError **error)
{
  Request *request = request_at(u, index);

  if (value < request->output_tokens || value > TRACE_TOKENS_MAX)
    return fail_request(u, index, error, "max_tokens", value,
                        "a number from the output's tokens to 1000000000");
  if (value > request->output_tokens)
    u->reader->workload->has_max_tokens = TRUE;
  request->max_tokens = value;
  return TRUE;
}

/* Words that go into an array as they are. */
static gboolean
take_array(Unpacker *u, guint64 n, GArray *array, GError **error)
{
  while (n > 0) {
    guint64 here = MIN(n, WINDOW_WORDS);
    if (!take_words(u, here, error))
      return FALSE;
    for (guint64 i = 0; i < here; i++)
      u->window[i] = GUINT64_FROM_LE(u->window[i]);
    g_array_append_vals(array, u->window, (guint)here);
    n -= here;
  }
  return TRUE;
}

static gboolean
take_ids(Unpacker *u, GError **error)
{
  Workload *workload = u->reader->workload;

  workload->ids = g_array_new(FALSE, FALSE, sizeof(gint64));
  return take_array(u, u->header[BINARY_WORD_REQUESTS], workload->ids, error);
}

static gboolean
add_name(Unpacker *u, GString *name, GError **error)
{
  GPtrArray *names = u->reader->workload->names;

  if (name->len == 0 || name->len > TRACE_ID_MAX_BYTES ||
      !g_utf8_validate_len(name->str, name->len, NULL)) {
    g_autofree char *quoted = reader_quote(name->str, name->str + name->len);
    return fail(u, error,
                "request %u (from 0): found the id %s, expected UTF-8 text of 1 to %d bytes; the "
                "file is damaged",
                names->len, quoted, TRACE_ID_MAX_BYTES);
  }
  g_ptr_array_add(names, g_strndup(name->str, name->len));
  g_string_truncate(name, 0);
  return TRUE;
}

static gboolean
take_names(Unpacker *u, GError **error)
{
  Workload *workload = u->reader->workload;
  guint64 n = u->header[BINARY_WORD_REQUESTS], bytes = u->header[BINARY_WORD_NAME_BYTES];
  GString *name = u->reader->id;

  workload->names = g_ptr_array_new_with_free_func(g_free);
  for (guint64 i = 0; i < bytes; i++) {
    guint64 at = i % (WINDOW_WORDS * 8);
    char c;
    if (at == 0 && !take_words(u, MIN(binary_padded(bytes - i) / 8, WINDOW_WORDS), error))
      return FALSE;
    c = ((const char *)u->window)[at];
    if (c != '\0' && name->len <= TRACE_ID_MAX_BYTES)
      g_string_append_c(name, c);
    else if (workload->names->len == n || c != '\0')
      return fail(u, error, "the ids do not end where they must; the file is damaged");
    else if (!add_name(u, name, error))
      return FALSE;
  }
  if (workload->names->len != n || name->len > 0)
    return fail(u, error, "found %u ids, expected %" G_GUINT64_FORMAT "; the file is damaged",
                workload->names->len, n);
  return TRUE;
}

static gboolean
check_end(Unpacker *u, GError **error)
{
  BinaryChecksum expected = u->checksum;
  gsize got;
  char more;

  if (!take_words(u, BINARY_CHECKSUM_WORDS, error))
    return FALSE;
  if (GUINT64_FROM_LE(u->window[0]) != expected.sum ||
      GUINT64_FROM_LE(u->window[1]) != expected.sum_of_sums)
    return fail(u, error,
                "the checksum does not match; the file is damaged, or changed while it "
                "was read");
  if (!source_bytes(u->source, &more, 1, &got, error))
    return FALSE;
  if (got > 0)
    return fail(u, error, "found more after %" G_GUINT64_FORMAT " bytes, expected the end",
                u->done_bytes);
  return TRUE;
}

static gboolean
take_all(Unpacker *u, GError **error)
{
  Workload *workload = u->reader->workload;

  if (!take_header(u, error) || !take_comment(u, error) || !take_requests(u, error) ||
      (u->parts & BINARY_HASHES && !take_shapes(u, error)) ||
      (u->parts & BINARY_PRIORITIES && !take_priorities(u, error)) ||
      (u->parts & BINARY_MAX_TOKENS && !take_halves(u, set_max_tokens, error)) ||
      (u->parts & BINARY_IDS && !take_ids(u, error)) ||
      (u->parts & BINARY_NAMES && !take_names(u, error)) ||
      !take_array(u, u->header[BINARY_WORD_HASHES], workload->hashes, error) ||
      !check_end(u, error))
    return FALSE;
  if ((workload->ids != NULL || workload->names != NULL) && !workload_seal(workload, error)) {
    g_prefix_error(error, "%s: ", u->reader->name);
    return FALSE;
  }
  return TRUE;
}

gboolean
binary_read(const TraceFormat *self G_GNUC_UNUSED, TraceReader *reader, Source *source,
            GError **error)
{
  Unpacker u = {.reader = reader, .source = source, .window = g_new(guint64, WINDOW_WORDS)};
  gboolean ok;

  ok = take_all(&u, error);
  g_free(u.window);
  return ok;
}
