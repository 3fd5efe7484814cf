/* A workload: the requests of a trace, sorted by arrival, with the prefix hashes of their prompts.
 *
 * Trace readers and generators fill one, the loop replays it and never changes it. A request is
 * known by its index everywhere in the simulator; its identity in the trace (a number or a text)
 * is only for people and files.
 */
#pragma once

#include <glib.h>

typedef struct {
  gint64 arrival_ps;         /* since the trace's zero, not negative */
  guint32 hash_first;        /* index into Workload.hashes */
  guint32 hash_count;        /* prefix hashes of this prompt; 0 where the trace has none */
  guint32 hash_block_tokens; /* prompt tokens that one hash stands for; 0 where hash_count is 0 */
  guint32 prompt_tokens;     /* at least 1 */
  guint32 output_tokens;     /* at least 1 */
  guint32 max_tokens;        /* output tokens that the client allows; 0 or less than output_tokens:
                                as many as output_tokens. See request_max_tokens() */
} Request;

G_STATIC_ASSERT(sizeof(Request) == 32); /* two a cache line: this is what a long trace costs */

/* A request that waits for the answer to another. */
typedef struct {
  guint32 after;   /* that request; NO_TURN: it arrives at its time */
  gint64 delay_ps; /* from the other's end to its arrival; not negative */
} Turn;

#define NO_TURN G_MAXUINT32

typedef struct {
  GArray *requests; /* of Request */
  GArray *hashes;   /* of guint64; hashes of one request are contiguous, in prompt order */
  GArray *ids; /* of gint64, one a request; NULL where the ids are 0, 1, 2 … in input order */
  GPtrArray *names;   /* of char *, one a request, for ids that are not integers; or NULL */
  GArray *priorities; /* of gint32, one a request; NULL where all are 0. Kept for conversion */
  GArray *turns; /* of Turn, one a request; NULL where none waits for another. The arrival_ps of
                    one that does is the earliest possible */
  GArray *sessions;        /* of guint32, one a request, noted by turns_note_sessions(); or NULL */
  gboolean has_max_tokens; /* some request's limit is more than its output */
} Workload;

Workload *workload_new(void);
/* A copy whose arrivals, and with turns whose order, can be changed; all else is shared with the
 * original. */
Workload *workload_copy(const Workload *workload);
void workload_free(Workload *workload);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Workload, workload_free)

/* Appends a request. `id` is its identity in the trace (copied), NULL for its index in input order.
 * `hashes` holds request->hash_count values (hash_first is set here). */
void workload_add(Workload *workload, const Request *request, const char *id,
                  const guint64 *hashes);

/* Sets the priority of the request added last. */
void workload_set_priority(Workload *workload, gint32 priority);

/* Makes the request added last wait for the answer to `after`, which was added before, and arrive
 * delay_ps later; sets its arrival to the earliest possible. FALSE, and nothing is changed, if that
 * is later than TIME_MAX_PS. */
gboolean workload_set_turn(Workload *workload, guint32 after, gint64 delay_ps);

/* Appends `count` requests for the caller to fill in, and returns the first; for readers that have
 * many at hand. The caller appends their hashes, which hash_first is an index into. Requests that
 * are in order and have no ids need no workload_seal(). */
Request *workload_extend(Workload *workload, guint32 count);

/* Sorts by (arrival, numeric id, input order). Call once, after the last workload_add(). FALSE,
 * with the id in the error, if two requests share one. */
gboolean workload_seal(Workload *workload, GError **error);

/* TRUE if some request's id is not its index. */
gboolean workload_has_ids(const Workload *workload);
/* TRUE if there are no ids, or numbers that grow from each request to the next, which are unique.
 */
gboolean workload_ids_ascend(const Workload *workload);
/* TRUE if two requests have the same id; of the first such pair *again is the later, *before the
 * other.
 */
gboolean workload_repeats_id(const Workload *workload, guint32 *again, guint32 *before);

static inline guint32
workload_count(const Workload *workload)
{
  return workload->requests->len;
}

static inline const Request *
workload_request(const Workload *workload, guint32 index)
{
  return &g_array_index(workload->requests, Request, index);
}

/* The limit that the client sends with the request: an engine that plans for the longest output
 * plans for so many tokens. At least its output. */
static inline guint32
request_max_tokens(const Request *request)
{
  return MAX(request->max_tokens, request->output_tokens);
}

/* Tokens of the prompt that its prefix hashes cover. */
static inline guint32
request_hashed_tokens(const Request *request)
{
  guint64 covered = (guint64)request->hash_count * request->hash_block_tokens;

  return (guint32)MIN(covered, request->prompt_tokens);
}

static inline gint32
workload_priority(const Workload *workload, guint32 index)
{
  return workload->priorities != NULL ? g_array_index(workload->priorities, gint32, index) : 0;
}

/* Only where workload->turns is not NULL. */
static inline const Turn *
workload_turn(const Workload *workload, guint32 index)
{
  return &g_array_index(workload->turns, Turn, index);
}

/* A number below workload_count() that the requests of a session share, and no other has; without
 * noted sessions each request is one. */
static inline guint32
workload_session(const Workload *workload, guint32 index)
{
  return workload->sessions != NULL ? g_array_index(workload->sessions, guint32, index) : index;
}

/* Swaps two requests with all that is theirs; Turn.after keeps its values. */
void workload_swap(Workload *workload, guint32 a, guint32 b);

static inline void
workload_set_arrival(Workload *workload, guint32 index, gint64 arrival_ps)
{
  g_array_index(workload->requests, Request, index).arrival_ps = arrival_ps;
}

/* Keeps the first `limit` requests (0: all), and multiplies every arrival, and every turn's delay,
 * by `time_scale` (> 0: 2 halves the load). FALSE if a time no longer fits. */
gboolean workload_trim(Workload *workload, guint32 limit, double time_scale, GError **error);

/* The request's identity as the trace has it, in `buffer` where it is a number. */
const char *workload_id(const Workload *workload, guint32 index, char buffer[24]);

/* workload_id() as a JSON value: a bare number, or a quoted and escaped text. The caller frees it.
 */
char *workload_id_json(const Workload *workload, guint32 index);
