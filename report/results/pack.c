/* header | record | end_reason NUL | config NUL | requests | ids, NUL each | preemptions | buckets
 *
 * The header counts the four lists. The record's pointers mean nothing in another process: they are
 * sent as NULL, and what they point to follows the record.
 */
#include "config.h"

#include "pack.h"
#include "private.h"

#include <string.h>

#define MAGIC "spillway-run " PACKAGE_VERSION
/* Half of what a GByteArray holds; ids and preemptions come to less. */
#define REQUESTS_MAX ((guint32)(G_MAXINT32 / sizeof(RequestResult)))

typedef struct {
  char magic[32];
  guint32 record_bytes, request_bytes, preemption_bytes, bucket_bytes; /* of one */
  guint32 n_requests, n_buckets;
  guint64 n_preemptions;
  gint64 origin_ps; /* of the series: the first arrival */
  gint64 bucket_ps;
} Header;

static Header
header_new(void)
{
  Header header = {.record_bytes = sizeof(RunRecord),
                   .request_bytes = sizeof(RequestResult),
                   .preemption_bytes = sizeof(Preemption),
                   .bucket_bytes = sizeof(SeriesBucket)};

  g_strlcpy(header.magic, MAGIC, sizeof header.magic);
  return header;
}

static void
append(GByteArray *bytes, gconstpointer data, gsize n_bytes)
{
  if (n_bytes > 0)
    g_byte_array_append(bytes, data, (guint)n_bytes);
}

static void
append_text(GByteArray *bytes, const char *text)
{
  append(bytes, text, strlen(text) + 1);
}

static gboolean
append_requests(GByteArray *bytes, const ResultsRun *run, guint32 n, GError **error)
{
  gsize before = bytes->len;

  if (n > REQUESTS_MAX) {
    g_set_error(error, RESULTS_ERROR, RESULTS_ERROR_FAILED,
                "%u requests are more than a sweep keeps one by one, %u; leave --detail all out", n,
                REQUESTS_MAX);
    return FALSE;
  }
  g_byte_array_set_size(bytes, (guint)(before + n * sizeof(RequestResult)));
  return results_spool_rewind(run, error) &&
         results_spool_read(run, bytes->data + before, n, error);
}

gboolean
results_pack(GByteArray *bytes, const Workload *workload, const ResultsRun *run,
             const RunRecord *record, const ResultsSeries *series, GError **error)
{
  Header header = header_new();
  RunRecord plain = *record;
  g_autofree char *config = json_dumps(record->config, JSON_COMPACT);
  const char *reason = record->summary.end_reason;
  char id[24];

  plain.name = NULL;
  plain.config = NULL;
  plain.against = NULL;
  plain.summary.end_reason = NULL;
  plain.summary.ignored_reason = NULL;
  header.n_requests = run != NULL ? workload_count(workload) : 0;
  header.n_preemptions = run != NULL ? run->preemptions->len : 0;
  header.n_buckets = series != NULL ? series->n : 0;
  header.bucket_ps = series != NULL ? series->bucket_ps : 0;
  header.origin_ps = workload_count(workload) > 0 ? workload_request(workload, 0)->arrival_ps : 0;
  append(bytes, &header, sizeof header);
  append(bytes, &plain, sizeof plain);
  append_text(bytes, reason != NULL ? reason : "");
  append_text(bytes, config);
  if (run != NULL && !append_requests(bytes, run, header.n_requests, error))
    return FALSE;
  for (guint32 i = 0; i < header.n_requests; i++)
    append_text(bytes, workload_id(workload, i, id));
  if (run != NULL)
    append(bytes, run->preemptions->data, header.n_preemptions * sizeof(Preemption));
  if (series != NULL)
    append(bytes, series->buckets, header.n_buckets * sizeof *series->buckets);
  return TRUE;
}

/* Takes n_bytes from the front; NULL where there are not as many. */
typedef struct {
  const guint8 *at;
  gsize left;
} Reader;

static const guint8 *
take(Reader *reader, gsize n_bytes)
{
  const guint8 *at = reader->at;

  if (n_bytes > reader->left)
    return NULL;
  reader->at += n_bytes;
  reader->left -= n_bytes;
  return at;
}

static const char *
take_text(Reader *reader)
{
  const guint8 *end = reader->left > 0 ? memchr(reader->at, '\0', reader->left) : NULL;

  return end != NULL ? (const char *)take(reader, (gsize)(end - reader->at) + 1) : NULL;
}

static gboolean
take_record(Reader *reader, Header *header, RunRecord *record, const char **reason)
{
  const Header ours = header_new();
  const guint8 *at = take(reader, sizeof *header);

  if (at == NULL)
    return FALSE;
  memcpy(header, at, sizeof *header);
  if (memcmp(header, &ours, offsetof(Header, n_requests)) != 0 ||
      (at = take(reader, sizeof *record)) == NULL)
    return FALSE;
  memcpy(record, at, sizeof *record);
  *reason = take_text(reader);
  return *reason != NULL;
}

/* What insert_requests() and insert_series() ask of a workload: ids, and when the first arrived. */
static Workload *
unpack_workload(Reader *reader, const Header *header, const RequestResult *requests)
{
  g_autoptr(Workload) workload = workload_new();
  Request request = {.arrival_ps = header->origin_ps, .prompt_tokens = 1, .output_tokens = 1};

  for (guint32 i = 0; i < header->n_requests; i++) {
    const char *id = take_text(reader);
    if (id == NULL)
      return NULL;
    request.arrival_ps = requests[i].arrival_ps;
    workload_add(workload, &request, id, NULL);
  }
  if (header->n_requests == 0)
    workload_add(workload, &request, NULL, NULL);
  return g_steal_pointer(&workload);
}

/* Copies a list, as its bytes may not be aligned for its type. An empty list is not NULL, and reads
 * nothing, since it may be at the end. */
static gpointer
take_list(Reader *reader, gsize n, gsize bytes)
{
  const guint8 *at = n <= reader->left / bytes ? take(reader, n * bytes) : NULL;

  if (at == NULL)
    return NULL;
  return n > 0 ? g_memdup2(at, n * bytes) : g_malloc0(1);
}

gboolean
results_unpack(const guint8 *bytes, gsize n_bytes, PackedRun *packed)
{
  Reader reader = {bytes, n_bytes};
  Header header;
  const char *reason, *config;

  *packed = (PackedRun){0};
  if (!take_record(&reader, &header, &packed->record, &reason) ||
      (config = take_text(&reader)) == NULL)
    return FALSE;
  packed->record.summary.end_reason = g_strdup(reason);
  packed->record.config = json_loads(config, 0, NULL);
  packed->run.requests = take_list(&reader, header.n_requests, sizeof(RequestResult));
  if (packed->record.config == NULL || packed->run.requests == NULL)
    return FALSE;
  packed->workload = unpack_workload(&reader, &header, packed->run.requests);
  packed->run.workload = packed->workload;
  packed->run.preemptions = g_array_new(FALSE, FALSE, sizeof(Preemption));
  if (header.n_requests == 0)
    g_clear_pointer(&packed->run.requests, g_free);
  if (packed->workload == NULL || header.n_preemptions > reader.left / sizeof(Preemption))
    return FALSE;
  if (header.n_preemptions > 0)
    g_array_append_vals(packed->run.preemptions,
                        take(&reader, header.n_preemptions * sizeof(Preemption)),
                        (guint)header.n_preemptions);
  packed->buckets = take_list(&reader, header.n_buckets, sizeof(SeriesBucket));
  packed->series = (ResultsSeries){packed->buckets, header.n_buckets, header.bucket_ps};
  return packed->buckets != NULL && reader.left == 0;
}

void
packed_run_clear(PackedRun *packed)
{
  summary_clear(&packed->record.summary);
  g_clear_pointer(&packed->record.config, json_decref);
  g_clear_pointer(&packed->run.requests, g_free);
  g_clear_pointer(&packed->run.preemptions, g_array_unref);
  g_clear_pointer(&packed->workload, workload_free);
  g_clear_pointer(&packed->buckets, g_free);
}
