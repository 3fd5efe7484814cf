/* Between the one process that writes (the manager) and those that run cells: a worker gets a cell
 * (a number); later its answer arrives, or the news that the worker was lost with it. Workers are
 * numbered from 0; one has one cell at a time.
 */
#pragma once

#include <glib.h>

/* The first byte of an answer. */
typedef enum {
  ANSWER_RUN = 'R',     /* what the work came to follows */
  ANSWER_FAILURE = 'F', /* a message follows, without a NUL */
} AnswerKind;

void answer_failure(GByteArray *answer, const char *message);

/* What a worker does with a cell: it fills the answer, writes no file and prints nothing. */
typedef struct {
  void (*run)(gpointer data, guint cell, GByteArray *answer);
  gpointer data;
} TransportWork;

typedef struct {
  guint worker;
  GByteArray *answer; /* the transport's, until the next call. Of a worker that was
                         lost: the failure that says how */
} TransportEvent;

#define JOBS_MAX 4096 /* workers of one machine */

typedef struct Transport Transport;

typedef struct {
  const char *name;
  /* Gives an idle worker a cell. An error: the worker cannot be had at all. */
  gboolean (*start)(Transport *self, guint worker, guint cell, GError **error);
  /* Waits for an answer, at most so long. FALSE: none came, or a signal did. */
  gboolean (*wait)(Transport *self, gint timeout_ms, TransportEvent *event);
  /* Ends the workers, whatever they do. */
  void (*free)(Transport *self);
} TransportClass;

struct Transport {
  const TransportClass *class;
  guint n_workers;
};

static inline void
transport_free(Transport *transport)
{
  if (transport != NULL)
    transport->class->free(transport);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Transport, transport_free)

/* Processes of this machine, forked from this one when they are first needed, and again when one
 * was lost: they share what it has read. n_workers 0: one a core, at most n_cells. */
Transport *transport_local_new(const TransportWork *work, guint n_workers, guint n_cells);
