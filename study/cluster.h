/* A sweep started as several processes by mpirun: rank 0 manages and writes, the others run cells.
 *
 * cluster_mpi.c where configured --with-mpi; else cluster_none.c, which supports one process only,
 * and refuses to be started as one of many, which would all do the same.
 */
#pragma once

#include "worker.h"

typedef struct {
  guint rank, size; /* 0 and 1 where the program was started by itself */
} Cluster;

/* First. FALSE where the processes cannot be brought together. */
gboolean cluster_start(Cluster *cluster, GError **error);
/* Last, in every process. */
void cluster_end(const Cluster *cluster);

/* Rank 0: whether the sweep goes ahead; the others wait for that, and get it. */
gboolean cluster_go(const Cluster *cluster, gboolean go);
/* The workers: the other ranks. plan_digest: what theirs has to be. */
Transport *cluster_transport(const Cluster *cluster, const char *plan_digest);
/* Ranks other than 0: runs what it is given until it is told that there is no more. failure: why
 * this process cannot (plan_digest is then NULL), else NULL. */
void cluster_work(const Cluster *cluster, SweepWorker *worker, const char *plan_digest,
                  const char *failure);
