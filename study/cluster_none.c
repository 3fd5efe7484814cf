#include "cluster.h"

#include <stdlib.h>

gboolean
cluster_start(Cluster *cluster, GError **error)
{
  static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"};

  *cluster = (Cluster){.rank = 0, .size = 1};
  for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
    const char *size = g_getenv(sizes[i]);
    if (size != NULL && atoi(size) > 1) {
      g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED,
                  "this is one of %s processes of mpirun, and the program was built without MPI: "
                  "each would run the whole sweep. Configure it --with-mpi, or use --shard",
                  size);
      return FALSE;
    }
  }
  return TRUE;
}

void
cluster_end(const Cluster *cluster G_GNUC_UNUSED)
{
}

gboolean
cluster_go(const Cluster *cluster G_GNUC_UNUSED, gboolean go)
{
  return go;
}

/* Of one process there are no others to ask. */
Transport *
cluster_transport(const Cluster *cluster G_GNUC_UNUSED, const char *plan_digest G_GNUC_UNUSED)
{
  g_assert_not_reached();
}

void
cluster_work(const Cluster *cluster G_GNUC_UNUSED, SweepWorker *worker G_GNUC_UNUSED,
             const char *plan_digest G_GNUC_UNUSED, const char *failure G_GNUC_UNUSED)
{
  g_assert_not_reached();
}
