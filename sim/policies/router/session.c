/* Session: a turn goes where the turn before it went; the first of a session, and a request that is
 * none's turn, to the engine with the fewest requests.
 *
 * So routers do by a key that the client sends: vLLM's production stack (--routing-logic session,
 * which hashes the key) and SGLang's gateway (manual, which remembers the engine).
 */
#include "sim/policies/router.h"

static gpointer
state_new(guint n G_GNUC_UNUSED, const PolicyValues *options G_GNUC_UNUSED)
{
  return g_byte_array_new(); /* by session: the engine and 1, or 0 */
}

static void
state_free(gpointer state)
{
  g_byte_array_unref(state);
}

/* The place of the session's engine in the state. */
static guint8 *
place_of(GByteArray *engines, const RouterQuery *query)
{
  guint32 session = workload_session(query->workload, query->request);
  guint had = engines->len;

  if (session >= had) {
    g_byte_array_set_size(engines, session + 1);
    memset(engines->data + had, 0, engines->len - had);
  }
  return &engines->data[session];
}

static guint
choose(const RouterPolicy *self G_GNUC_UNUSED, const RouterQuery *query)
{
  guint8 *place;

  if (query->workload->sessions == NULL)
    return router_fewest_requests(query);
  place = place_of(query->state, query);
  if (*place == 0)
    *place = (guint8)(1 + router_fewest_requests(query));
  return *place - 1;
}

const RouterPolicy router_session = {
    .base = {.name = "session",
             .help = "the engine that had the turn before; else the one with the fewest requests"},
    .assumes =
        "a session is turns that wait for the answer before; what is no later turn goes where "
        "the fewest requests are",
    .needs_sessions = TRUE,
    .state_new = state_new,
    .state_free = state_free,
    .choose = choose,
};
