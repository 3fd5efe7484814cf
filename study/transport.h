/* Between the one process that writes (the manager) and those that run cells: a worker is given a
 * cell, and later its answer comes, or word that the worker was lost with it. Workers are numbered
 * from 0; one has one cell at a time.
 */
#pragma once

#include "worker.h"

typedef struct {
  guint worker;
  GByteArray *answer; /* worker.h; the transport's, until the next call. Of a worker that was
                         lost: the failure that says how */
} TransportEvent;

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
 * was lost: they share what it has read. The worker is copied with them. */
Transport *transport_local_new(SweepWorker *worker, guint n_workers);
