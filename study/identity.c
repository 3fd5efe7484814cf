#include "identity.h"

#include "scenario/resolve.h"
#include "scenario/scenario.h"
#include "scenario/workload/generated_files.h"
#include "scenario/workload/trace_name.h"
#include "unlimited_table.h"

#include <string.h>

typedef struct {
  Shelf *shelf;
  GError **error;
} Digests;

static char *
digest_of(const char *name, gpointer data)
{
  const Digests *digests = data;

  return g_strdup(shelf_file_digest(digests->shelf, name, digests->error));
}

/* A generated trace is its options, with the contents of the files that they name. */
static gboolean
append_generator(GString *text, Shelf *shelf, const char *trace, GError **error)
{
  Digests digests = {shelf, error};
  g_autofree char *options = generated_files_replace(trace, digest_of, &digests);

  if (options != NULL)
    g_string_append(text, options);
  return options != NULL;
}

static gboolean
append_trace(GString *text, Shelf *shelf, const Settings *settings, GError **error)
{
  g_autofree char *path = NULL;
  const char *digest;

  if (!workload_source_check(settings, error))
    return FALSE;
  if (workload_source(settings) == WORKLOAD_RANDOM) /* its settings say it all */
    return TRUE;
  if (workload_source(settings) == WORKLOAD_GENERATED)
    return append_generator(text, shelf, settings->trace, error);
  path = trace_name_path(settings->trace, error);
  digest = path != NULL ? shelf_file_digest(shelf, path, error) : NULL;
  if (digest == NULL) {
    g_prefix_error(error, "--trace: ");
    return FALSE;
  }
  g_string_append(text, digest);
  return TRUE;
}

static gboolean
append_model(GString *text, Shelf *shelf, const Settings *settings, GError **error)
{
  g_autofree char *path = NULL;
  const char *digest;

  if (settings->model == NULL)
    return TRUE;
  path = resolve_model_file(settings->model);
  digest = shelf_file_digest(shelf, path, error);
  if (digest != NULL)
    g_string_append(text, digest);
  return digest != NULL;
}

char *
run_identity(const Settings *settings, Shelf *shelf, char **measure, GError **error)
{
  g_autoptr(Scenario) scenario = scenario_new_shared(settings, shelf, FALSE, error);
  g_autoptr(GString) text = NULL;
  json_auto_t *config = NULL;
  g_autofree char *resolved = NULL;

  if (scenario == NULL)
    return NULL;
  config = json_deep_copy(scenario->settings);
  json_object_del(config, "trace");
  resolved = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
  text = g_string_new(resolved);
  g_string_append(text, "\nmodel ");
  if (!append_model(text, shelf, settings, error))
    return NULL;
  g_string_append(text, "\ntrace ");
  if (!append_trace(text, shelf, settings, error))
    return NULL;
  if (measure != NULL)
    *measure = unlimited_key(scenario, settings);
  return g_compute_checksum_for_string(G_CHECKSUM_SHA256, text->str, (gssize)text->len);
}
