#include "trace_fixture.h"

#include <glib/gstdio.h>

void
trace_fixture_set_up(TraceFixture *fixture, gconstpointer data)
{
  g_autoptr(GError) error = NULL;

  fixture->folder = g_dir_make_tmp("spillway-traces-XXXXXX", &error);
  g_assert_no_error(error);
  fixture->path = g_build_filename(fixture->folder, data != NULL ? data : "t", NULL);
}

void
trace_fixture_tear_down(TraceFixture *fixture, gconstpointer data)
{
  (void)data;
  g_remove(fixture->path);
  g_rmdir(fixture->folder);
  g_free(fixture->folder);
  g_free(fixture->path);
}
