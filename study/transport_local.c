/* Workers on this machine.
 *
 *   manager ──cell (guint32)──▶ worker        one pipe each way; a pipe's end tells that the other
 *           ◀─length, answer──                process is gone, and with what cell
 *
 * A process a worker, not a thread: a crash loses one cell. A worker ends with the manager, however
 * that ends.
 */
#include "config.h"

#include "transport.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct {
  pid_t pid; /* 0: not forked, or lost */
  int to_fd, from_fd;
  gboolean is_busy;
  guint64 expected; /* bytes of the answer; G_MAXUINT64: its length is not known yet */
  GByteArray *received;
} Process;

typedef struct {
  Transport transport; /* first */
  TransportWork work;
  Process *processes;
  struct pollfd *polls;
  GByteArray *answer;
} Local;

void
answer_failure(GByteArray *answer, const char *message)
{
  const guint8 kind = ANSWER_FAILURE;

  g_byte_array_set_size(answer, 0);
  g_byte_array_append(answer, &kind, 1);
  g_byte_array_append(answer, (const guint8 *)message, (guint)strlen(message));
}

static gboolean
write_all(int fd, const void *data, gsize n_bytes)
{
  const guint8 *at = data;

  while (n_bytes > 0) {
    gssize written = write(fd, at, n_bytes);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return FALSE;
    at += written;
    n_bytes -= (gsize)written;
  }
  return TRUE;
}

static gboolean
read_all(int fd, void *data, gsize n_bytes)
{
  guint8 *at = data;

  while (n_bytes > 0) {
    gssize got = read(fd, at, n_bytes);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return FALSE;
    at += got;
    n_bytes -= (gsize)got;
  }
  return TRUE;
}

/* The worker's life. _exit(): what the manager has buffered is the manager's to write. */
static void G_GNUC_NORETURN
live(const TransportWork *work, int from_fd, int to_fd, pid_t manager)
{
  g_autoptr(GByteArray) answer = g_byte_array_new();
  guint32 cell;

  signal(SIGINT, SIG_IGN);
  signal(SIGTERM, SIG_DFL);
  signal(SIGPIPE, SIG_DFL);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != manager) /* it was gone before that */
    _exit(0);
  while (read_all(from_fd, &cell, sizeof cell)) {
    guint64 length;
    work->run(work->data, cell, answer);
    length = answer->len;
    if (!write_all(to_fd, &length, sizeof length) || !write_all(to_fd, answer->data, length))
      break;
  }
  _exit(0);
}

/* Of the workers forked before: a pipe that this process held open would not end with them. */
static void
close_others(Local *local)
{
  for (guint i = 0; i < local->transport.n_workers; i++)
    if (local->processes[i].pid > 0) {
      close(local->processes[i].to_fd);
      close(local->processes[i].from_fd);
    }
}

static gboolean
fail(GError **error, const char *what)
{
  g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno),
              "a worker cannot be started: %s: %s", what, g_strerror(errno));
  return FALSE;
}

static gboolean
fork_worker(Local *local, Process *process, GError **error)
{
  int to[2], from[2];
  pid_t manager = getpid();

  if (pipe(to) != 0)
    return fail(error, "pipe");
  if (pipe(from) != 0) {
    close(to[0]);
    close(to[1]);
    return fail(error, "pipe");
  }
  process->pid = fork();
  if (process->pid == 0) {
    close_others(local);
    close(to[1]);
    close(from[0]);
    live(&local->work, to[0], from[1], manager);
  }
  close(to[0]);
  close(from[1]);
  process->to_fd = to[1];
  process->from_fd = from[0];
  if (process->pid > 0)
    return TRUE;
  close(to[1]);
  close(from[0]);
  process->pid = 0;
  return fail(error, "fork");
}

static gboolean
local_start(Transport *self, guint index, guint cell, GError **error)
{
  Local *local = (Local *)self;
  Process *process = &local->processes[index];
  guint32 number = cell;

  if (process->pid == 0 && !fork_worker(local, process, error))
    return FALSE;
  process->is_busy = TRUE;
  process->expected = G_MAXUINT64;
  g_byte_array_set_size(process->received, 0);
  /* To a worker that died since its last answer nothing can be written; waiting finds that out. */
  (void)!write_all(process->to_fd, &number, sizeof number);
  return TRUE;
}

static void
reap(Process *process, int *status)
{
  while (waitpid(process->pid, status, 0) < 0 && errno == EINTR)
    ;
  close(process->to_fd);
  close(process->from_fd);
  process->pid = 0;
  process->is_busy = FALSE;
}

static void
lose(Local *local, Process *process)
{
  g_autofree char *why = NULL;
  int status = 0;

  reap(process, &status);
  if (WIFSIGNALED(status))
    why = g_strdup_printf("the process that ran it was ended by signal %d (%s)%s", WTERMSIG(status),
                          g_strsignal(WTERMSIG(status)),
                          WTERMSIG(status) == SIGKILL ? ", as the system does when memory is short"
                                                      : "");
  else
    why = g_strdup_printf("the process that ran it ended with status %d", WEXITSTATUS(status));
  answer_failure(local->answer, why);
}

/* TRUE when the answer is whole or the process is gone. */
static gboolean
receive(Local *local, Process *process)
{
  guint8 block[65536];
  gssize got = read(process->from_fd, block, sizeof block);

  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return FALSE;
  if (got <= 0) {
    lose(local, process);
    return TRUE;
  }
  g_byte_array_append(process->received, block, (guint)got);
  if (process->expected == G_MAXUINT64 && process->received->len >= sizeof process->expected) {
    memcpy(&process->expected, process->received->data, sizeof process->expected);
    g_byte_array_remove_range(process->received, 0, sizeof process->expected);
  }
  if (process->expected == G_MAXUINT64 || process->received->len < process->expected)
    return FALSE;
  process->is_busy = FALSE;
  g_byte_array_set_size(local->answer, 0);
  g_byte_array_append(local->answer, process->received->data, process->received->len);
  return TRUE;
}

static gboolean
local_wait(Transport *self, gint timeout_ms, TransportEvent *event)
{
  Local *local = (Local *)self;

  for (guint i = 0; i < self->n_workers; i++) {
    const Process *process = &local->processes[i];
    local->polls[i] =
        (struct pollfd){.fd = process->is_busy ? process->from_fd : -1, .events = POLLIN};
  }
  if (poll(local->polls, self->n_workers, timeout_ms) <= 0)
    return FALSE;
  for (guint i = 0; i < self->n_workers; i++)
    if (local->polls[i].revents != 0 && receive(local, &local->processes[i])) {
      *event = (TransportEvent){.worker = i, .answer = local->answer};
      return TRUE;
    }
  return FALSE;
}

static void
local_free(Transport *self)
{
  Local *local = (Local *)self;

  for (guint i = 0; i < self->n_workers; i++) {
    Process *process = &local->processes[i];
    int status;
    if (process->pid > 0) {
      kill(process->pid, SIGKILL);
      reap(process, &status);
    }
    g_byte_array_unref(process->received);
  }
  g_byte_array_unref(local->answer);
  g_free(local->processes);
  g_free(local->polls);
  g_free(local);
}

Transport *
transport_local_new(const TransportWork *work, guint n_workers, guint n_cells)
{
  static const TransportClass class = {
      .name = "processes", .start = local_start, .wait = local_wait, .free = local_free};
  Local *local = g_new0(Local, 1);

  if (n_workers == 0)
    n_workers = (guint)CLAMP(sysconf(_SC_NPROCESSORS_ONLN), 1, JOBS_MAX);
  n_workers = MAX(1, MIN(n_workers, n_cells));
  local->transport = (Transport){.class = &class, .n_workers = n_workers};
  local->work = *work;
  local->processes = g_new0(Process, n_workers);
  local->polls = g_new0(struct pollfd, n_workers);
  local->answer = g_byte_array_new();
  for (guint i = 0; i < n_workers; i++)
    local->processes[i].received = g_byte_array_new();
  return &local->transport;
}
