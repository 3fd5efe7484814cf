/* Ranks of MPI: rank 0 writes, the others run cells.
 *
 *   rank 0                                   rank 1 …
 *          ◀─ hello: the plan's digest, or why it cannot be made ─
 *          ── a cell's number ─▶             runs it in a process of its own
 *          ◀─ the answer ─
 *          ── NO_CELL ─▶                     ends
 *
 * A cell that crashes takes that process with it and not the rank: Open MPI ends the whole job with
 * a rank that dies, and then what was written is kept, and the next start goes on. Nobody waits in
 * a blocking call for long: ranks may outnumber cores.
 */
#include "config.h"

#include "cluster.h"

#include <mpi.h>
#include <string.h>

#define NO_CELL G_MAXUINT32
#define POLL_US 500

enum { TAG_HELLO = 1, TAG_CELL, TAG_ANSWER };

typedef struct {
  Transport transport; /* first */
  char *plan_digest;
  gboolean *greeted, *busy;
  GByteArray *answer;
} Ranks;

/* Whether mpirun started the program: by the variables that launchers set. Without it MPI is not
 * initialized. */
static gboolean
is_launched(void)
{
  static const char *const marks[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"};

  for (guint i = 0; i < G_N_ELEMENTS(marks); i++)
    if (g_getenv(marks[i]) != NULL)
      return TRUE;
  return FALSE;
}

gboolean
cluster_start(Cluster *cluster, GError **error)
{
  int rank, size;

  *cluster = (Cluster){.rank = 0, .size = 1};
  if (!is_launched())
    return TRUE;
  if (MPI_Init(NULL, NULL) != MPI_SUCCESS || MPI_Comm_rank(MPI_COMM_WORLD, &rank) != MPI_SUCCESS ||
      MPI_Comm_size(MPI_COMM_WORLD, &size) != MPI_SUCCESS) {
    g_set_error_literal(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                        "MPI cannot be started; what mpirun printed says why");
    return FALSE;
  }
  *cluster = (Cluster){.rank = (guint)rank, .size = (guint)size};
  return TRUE;
}

void
cluster_end(const Cluster *cluster G_GNUC_UNUSED)
{
  int begun = 0;

  MPI_Initialized(&begun);
  if (begun)
    MPI_Finalize();
}

gboolean
cluster_go(const Cluster *cluster, gboolean go)
{
  int word = go;

  if (cluster->size > 1)
    MPI_Bcast(&word, 1, MPI_INT, 0, MPI_COMM_WORLD);
  return word;
}

/* The next message of that tag, from `source` or anyone, into `data`. FALSE: none came in time. */
static gboolean
receive(int source, int tag, gint64 timeout_us, GByteArray *data, int *from)
{
  gint64 end_us = g_get_monotonic_time() + timeout_us;
  MPI_Status status;
  int there = 0, n_bytes;

  for (;;) {
    MPI_Iprobe(source, tag, MPI_COMM_WORLD, &there, &status);
    if (there)
      break;
    if (g_get_monotonic_time() >= end_us)
      return FALSE;
    g_usleep(POLL_US);
  }
  MPI_Get_count(&status, MPI_BYTE, &n_bytes);
  g_byte_array_set_size(data, (guint)n_bytes);
  MPI_Recv(data->data, n_bytes, MPI_BYTE, status.MPI_SOURCE, tag, MPI_COMM_WORLD,
           MPI_STATUS_IGNORE);
  *from = status.MPI_SOURCE;
  return TRUE;
}

static void
send_cell(int rank, guint32 cell)
{
  MPI_Send(&cell, sizeof cell, MPI_BYTE, rank, TAG_CELL, MPI_COMM_WORLD);
}

/* Hears a rank's first word, once. */
static gboolean
greet(Ranks *ranks, guint worker, GError **error)
{
  g_autoptr(GByteArray) hello = g_byte_array_new();
  g_autofree char *text = NULL;
  int from;

  if (ranks->greeted[worker])
    return TRUE;
  receive((int)worker + 1, TAG_HELLO, G_MAXINT64 / 2, hello, &from);
  ranks->greeted[worker] = TRUE;
  text = g_strndup((const char *)hello->data + 1, hello->len - 1);
  if (hello->data[0] == ANSWER_FAILURE)
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "rank %u cannot take part: %s",
                worker + 1, text);
  else if (strcmp(text, ranks->plan_digest) != 0)
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                "rank %u reads another study, trace, model or profile under the same names; let "
                "all machines see the same files and the same program",
                worker + 1);
  else
    return TRUE;
  return FALSE;
}

static gboolean
ranks_start(Transport *self, guint worker, guint cell, GError **error)
{
  Ranks *ranks = (Ranks *)self;

  if (!greet(ranks, worker, error))
    return FALSE;
  send_cell((int)worker + 1, cell);
  ranks->busy[worker] = TRUE;
  return TRUE;
}

static gboolean
ranks_wait(Transport *self, gint timeout_ms, TransportEvent *event)
{
  Ranks *ranks = (Ranks *)self;
  int from;

  if (!receive(MPI_ANY_SOURCE, TAG_ANSWER, (gint64)timeout_ms * 1000, ranks->answer, &from))
    return FALSE;
  ranks->busy[from - 1] = FALSE;
  *event = (TransportEvent){.worker = (guint)from - 1, .answer = ranks->answer};
  return TRUE;
}

static void
ranks_free(Transport *self)
{
  Ranks *ranks = (Ranks *)self;
  int from;

  for (guint i = 0; i < self->n_workers; i++) {
    if (!ranks->greeted[i])
      receive((int)i + 1, TAG_HELLO, G_MAXINT64 / 2, ranks->answer, &from);
    if (ranks->busy[i]) /* its answer must be received, though nobody needs it */
      receive((int)i + 1, TAG_ANSWER, G_MAXINT64 / 2, ranks->answer, &from);
    send_cell((int)i + 1, NO_CELL);
  }
  g_byte_array_unref(ranks->answer);
  g_free(ranks->plan_digest);
  g_free(ranks->greeted);
  g_free(ranks->busy);
  g_free(ranks);
}

Transport *
cluster_transport(const Cluster *cluster, const char *plan_digest)
{
  static const TransportClass class = {
      .name = "mpi", .start = ranks_start, .wait = ranks_wait, .free = ranks_free};
  Ranks *ranks = g_new0(Ranks, 1);

  ranks->transport = (Transport){.class = &class, .n_workers = cluster->size - 1};
  ranks->plan_digest = g_strdup(plan_digest);
  ranks->greeted = g_new0(gboolean, cluster->size - 1);
  ranks->busy = g_new0(gboolean, cluster->size - 1);
  ranks->answer = g_byte_array_new();
  return &ranks->transport;
}

static void
send_hello(const char *plan_digest, const char *failure)
{
  g_autoptr(GByteArray) hello = g_byte_array_new();

  answer_failure(hello, failure != NULL ? failure : plan_digest);
  if (failure == NULL)
    hello->data[0] = ANSWER_RUN;
  MPI_Send(hello->data, (int)hello->len, MPI_BYTE, 0, TAG_HELLO, MPI_COMM_WORLD);
}

/* Runs one cell in the process that the local transport keeps, or starts again. */
static void
answer_cell(Transport *local, guint32 cell)
{
  g_autoptr(GByteArray) failure = NULL;
  g_autoptr(GError) error = NULL;
  TransportEvent event = {0};

  if (local->class->start(local, 0, cell, &error)) {
    while (!local->class->wait(local, 1000, &event))
      ;
  } else {
    failure = event.answer = g_byte_array_new();
    answer_failure(failure, error->message);
  }
  MPI_Send(event.answer->data, (int)event.answer->len, MPI_BYTE, 0, TAG_ANSWER, MPI_COMM_WORLD);
}

void
cluster_work(const Cluster *cluster G_GNUC_UNUSED, SweepWorker *worker, const char *plan_digest,
             const char *failure)
{
  g_autoptr(Transport) local =
      transport_local_new(&(TransportWork){sweep_worker_run, worker}, 1, 1);
  g_autoptr(GByteArray) word = g_byte_array_new();
  guint32 cell;
  int from;

  send_hello(plan_digest, failure);
  for (;;) {
    receive(0, TAG_CELL, G_MAXINT64 / 2, word, &from);
    memcpy(&cell, word->data, sizeof cell);
    if (cell == NO_CELL)
      return;
    answer_cell(local, cell);
  }
}
