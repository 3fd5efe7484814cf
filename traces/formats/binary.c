/* The form "binary": all that a workload holds, at 16 bytes a request and what its prefix hashes,
 * ids, priorities and max_tokens take, read at the speed of memory. This file writes it,
 * binary_read.c reads it. Written from a workload and read again it gives the same bytes.
 */
#include "binary.h"

#include <string.h>

enum { ROWS_AT_ONCE = 4096 };

typedef struct {
  TraceOutput *out;
  BinaryChecksum checksum;
  guint64 rest; /* of a text, rest_bytes of a word */
  guint rest_bytes;
} Packer;

static gboolean
put_words(Packer *packer, const guint64 *words, gsize n, GError **error)
{
  binary_checksum_add(&packer->checksum, words, n);
  g_string_append_len(packer->out->text, (const char *)words, (gssize)(n * 8));
  return trace_output_spill(packer->out, error);
}

static gboolean
put_rest(Packer *packer, GError **error)
{
  guint64 word = GUINT64_TO_LE(packer->rest);

  if (packer->rest_bytes == 0)
    return TRUE;
  packer->rest = packer->rest_bytes = 0;
  return put_words(packer, &word, 1, error);
}

/* Puts text, which need not fill its last word; put_rest() fills it. */
static gboolean
put_text(Packer *packer, const char *text, gsize bytes, GError **error)
{
  for (gsize i = 0; i < bytes; i++) {
    packer->rest |= (guint64)(guint8)text[i] << 8 * packer->rest_bytes;
    if (++packer->rest_bytes == 8 && !put_rest(packer, error))
      return FALSE;
  }
  return TRUE;
}

/* A word of two numbers of 4 bytes, in the file's order. */
static guint64
pair(guint32 first, guint32 second)
{
  return GUINT64_TO_LE((guint64)second << 32 | first);
}

static gboolean
put_requests(Packer *packer, const Workload *workload, GError **error)
{
  guint64 words[2 * ROWS_AT_ONCE];
  gsize n = 0;

  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    words[n++] = GUINT64_TO_LE((guint64)request->arrival_ps);
    words[n++] = pair(request->prompt_tokens, request->output_tokens);
    if (n == G_N_ELEMENTS(words) || i + 1 == workload_count(workload)) {
      if (!put_words(packer, words, n, error))
        return FALSE;
      n = 0;
    }
  }
  return TRUE;
}

static gboolean
put_shapes(Packer *packer, const Workload *workload, GError **error)
{
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    guint64 word = pair(request->hash_count, request->hash_block_tokens);
    if (!put_words(packer, &word, 1, error))
      return FALSE;
  }
  return TRUE;
}

static guint32
priority_of(const Workload *workload, guint32 index)
{
  return (guint32)workload_priority(workload, index);
}

static guint32
max_tokens_of(const Workload *workload, guint32 index)
{
  return request_max_tokens(workload_request(workload, index));
}

/* Puts a number of 4 bytes a request. */
static gboolean
put_halves(Packer *packer, const Workload *workload, guint32 (*of)(const Workload *, guint32),
           GError **error)
{
  guint32 n = workload_count(workload);

  for (guint32 i = 0; i < n; i += 2) {
    guint64 word = pair(of(workload, i), i + 1 < n ? of(workload, i + 1) : 0);
    if (!put_words(packer, &word, 1, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
put_ids(Packer *packer, const Workload *workload, GError **error)
{
  for (guint32 i = 0; i < workload_count(workload); i++) {
    guint64 word = GUINT64_TO_LE((guint64)g_array_index(workload->ids, gint64, i));
    if (!put_words(packer, &word, 1, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
put_hashes(Packer *packer, const Workload *workload, GError **error)
{
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const Request *request = workload_request(workload, i);
    for (guint32 h = 0; h < request->hash_count; h++) {
      guint64 word =
          GUINT64_TO_LE(g_array_index(workload->hashes, guint64, request->hash_first + h));
      if (!put_words(packer, &word, 1, error))
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean
put_names(Packer *packer, const Workload *workload, GError **error)
{
  for (guint32 i = 0; i < workload_count(workload); i++) {
    const char *name = g_ptr_array_index(workload->names, i);
    if (!put_text(packer, name, strlen(name) + 1, error))
      return FALSE;
  }
  return put_rest(packer, error);
}

static guint64
count_name_bytes(const Workload *workload)
{
  guint64 bytes = 0;

  for (guint32 i = 0; workload->names != NULL && i < workload_count(workload); i++)
    bytes += strlen(g_ptr_array_index(workload->names, i)) + 1;
  return bytes;
}

/* Fewer than workload->hashes has where requests were cut off. */
static guint64
count_hashes(const Workload *workload)
{
  guint64 n = 0;

  for (guint32 i = 0; i < workload_count(workload); i++)
    n += workload_request(workload, i)->hash_count;
  return n;
}

static gboolean
put_header(Packer *packer, const guint64 header[BINARY_WORDS], GError **error)
{
  guint64 words[BINARY_WORDS];

  memcpy(words, BINARY_MARK, BINARY_MARK_BYTES);
  for (guint i = 1; i < BINARY_WORDS; i++)
    words[i] = GUINT64_TO_LE(header[i]);
  return put_words(packer, words, BINARY_WORDS, error);
}

static gboolean
write_all(const TraceFormat *self G_GNUC_UNUSED, TraceOutput *out, const Workload *workload,
          GError **error)
{
  const char *comment = out->comment != NULL ? out->comment : "";
  guint64 n_hashes = count_hashes(workload);
  guint64 parts = (n_hashes > 0 ? BINARY_HASHES : 0) |
                  (workload->priorities != NULL ? BINARY_PRIORITIES : 0) |
                  (workload->has_max_tokens ? BINARY_MAX_TOKENS : 0) |
                  (workload->names != NULL      ? BINARY_NAMES
                   : workload_has_ids(workload) ? BINARY_IDS
                                                : 0);
  guint64 header[BINARY_WORDS] = {
      [BINARY_WORD_FORMAT] = parts << 32 | BINARY_FORMAT_NUMBER,
      [BINARY_WORD_REQUESTS] = workload_count(workload),
      [BINARY_WORD_HASHES] = n_hashes,
      [BINARY_WORD_NAME_BYTES] = count_name_bytes(workload),
      [BINARY_WORD_COMMENT_BYTES] = strlen(comment),
  };
  Packer packer = {.out = out};
  guint64 sums[BINARY_CHECKSUM_WORDS];

  header[BINARY_WORD_FILE_BYTES] = binary_file_bytes(header);
  if (!put_header(&packer, header, error) || !put_text(&packer, comment, strlen(comment), error) ||
      !put_rest(&packer, error) || !put_requests(&packer, workload, error) ||
      (parts & BINARY_HASHES && !put_shapes(&packer, workload, error)) ||
      (parts & BINARY_PRIORITIES && !put_halves(&packer, workload, priority_of, error)) ||
      (parts & BINARY_MAX_TOKENS && !put_halves(&packer, workload, max_tokens_of, error)) ||
      (parts & BINARY_IDS && !put_ids(&packer, workload, error)) ||
      (parts & BINARY_NAMES && !put_names(&packer, workload, error)) ||
      !put_hashes(&packer, workload, error))
    return FALSE;
  sums[0] = GUINT64_TO_LE(packer.checksum.sum);
  sums[1] = GUINT64_TO_LE(packer.checksum.sum_of_sums);
  return put_words(&packer, sums, BINARY_CHECKSUM_WORDS, error);
}

const TraceFormat trace_format_binary = {
    .name = "binary",
    .help = "16 bytes a request, the quickest to read; keeps all that a trace has",
    .shape = "a file that trace convert --to binary wrote",
    .time_unit = "ps",
    .ending = ".bin",
    .flags = TRACE_KEEPS_IDS | TRACE_KEEPS_HASHES | TRACE_KEEPS_PRIORITY | TRACE_KEEPS_MAX_TOKENS,
    .mark = BINARY_MARK,
    .mark_bytes = BINARY_MARK_BYTES,
    .read = binary_read,
    .write = write_all,
};
