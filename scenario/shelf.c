#include "config.h"

#include "shelf.h"

#include "calib/store/file.h"
#include "message.h"
#include "scenario/workload/trace_name.h"
#include "resolve.h"
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define NOTES_MAX 12

typedef struct {
  Profile *profile; /* NULL: the name is a device's */
  char *digest;
} CostEntry;

struct Shelf {
  GHashTable *costs;   /* --device → CostEntry */
  GHashTable *digests; /* path → hexadecimal text */
  GPtrArray *notes;    /* of char *, each once */
  GHashTable *traces;  /* name and format → Workload, or NULL: it cannot be read whole */
  char *last_key;
  Workload *last;
};

static void
cost_entry_free(gpointer data)
{
  CostEntry *entry = data;

  profile_free(entry->profile);
  g_free(entry->digest);
  g_free(entry);
}

static void
free_workload(gpointer workload)
{
  workload_free(workload);
}

Shelf *
shelf_new(void)
{
  Shelf *shelf = g_new0(Shelf, 1);

  shelf->costs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, cost_entry_free);
  shelf->digests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  shelf->notes = g_ptr_array_new_with_free_func(g_free);
  shelf->traces = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_workload);
  return shelf;
}

void
shelf_free(Shelf *shelf)
{
  if (shelf == NULL)
    return;
  g_hash_table_unref(shelf->costs);
  g_hash_table_unref(shelf->digests);
  g_hash_table_unref(shelf->traces);
  g_ptr_array_unref(shelf->notes);
  workload_free(shelf->last);
  g_free(shelf->last_key);
  g_free(shelf);
}

void
shelf_note(Shelf *shelf, const char *kind, const char *text)
{
  g_autofree char *note = g_strconcat(kind, text, NULL);

  if (!g_ptr_array_find_with_equal_func(shelf->notes, note, g_str_equal, NULL))
    g_ptr_array_add(shelf->notes, g_steal_pointer(&note));
}

void
shelf_tell_notes(const Shelf *shelf, const char *verb)
{
  const guint told = MIN(shelf->notes->len, NOTES_MAX);

  for (guint i = 0; i < told; i++)
    cli_note(verb, "%s", (const char *)g_ptr_array_index(shelf->notes, i));
  if (told < shelf->notes->len)
    cli_note(verb, "%u more such notes: 'spillway run --dry-run' tells those of one run",
             shelf->notes->len - told);
}

gboolean
shelf_costs(Shelf *shelf, const char *text, Device **device, Profile **profile, const char **digest,
            GError **error)
{
  CostEntry *entry = g_hash_table_lookup(shelf->costs, text);

  if (entry == NULL) {
    Profile *read;
    if (!resolve_costs(text, NULL, device, &read, error))
      return FALSE;
    entry = g_new0(CostEntry, 1);
    entry->profile = read;
    entry->digest = read != NULL ? profile_digest_as_read(read) : NULL;
    g_hash_table_insert(shelf->costs, g_strdup(text), entry);
  } else {
    *device = resolve_device(entry->profile != NULL ? entry->profile->device : text, error);
  }
  *profile = entry->profile;
  *digest = entry->digest;
  return *device != NULL;
}

const char *
shelf_file_digest(Shelf *shelf, const char *path, GError **error)
{
  g_autoptr(GChecksum) sum = NULL;
  const char *known = g_hash_table_lookup(shelf->digests, path);
  guchar block[65536];
  gssize got = 0;
  int fd;

  if (known != NULL)
    return known;
  fd = open(path, O_RDONLY | O_CLOEXEC);
  sum = g_checksum_new(G_CHECKSUM_SHA256);
  while (fd >= 0 && ((got = read(fd, block, sizeof block)) > 0 || (got < 0 && errno == EINTR)))
    g_checksum_update(sum, block, MAX(got, 0));
  if (fd < 0 || got < 0) {
    g_set_error(error, G_FILE_ERROR, (gint)g_file_error_from_errno(errno), "%s: cannot be read: %s",
                path, g_strerror(errno));
    if (fd >= 0)
      close(fd);
    return NULL;
  }
  close(fd);
  g_hash_table_insert(shelf->digests, g_strdup(path), g_strdup(g_checksum_get_string(sum)));
  return g_hash_table_lookup(shelf->digests, path);
}

static char *
trace_key(const Settings *settings)
{
  return g_strdup_printf("%s\n%s", settings->trace,
                         settings->trace_format != NULL ? settings->trace_format : "");
}

void
shelf_read_trace(Shelf *shelf, const Settings *settings, const char *verb)
{
  g_autoptr(TraceNotes) notes = trace_notes_new();
  g_autofree char *path = NULL;
  Workload *whole = NULL;
  char *key;

  if (workload_source(settings) != WORKLOAD_FILE)
    return;
  key = trace_key(settings);
  if (g_hash_table_contains(shelf->traces, key)) {
    g_free(key);
    return;
  }
  path = trace_name_path(settings->trace, NULL);
  if (path != NULL)
    whole = trace_read(path, settings->trace_format, notes, NULL);
  for (guint i = 0; whole != NULL && i < notes->texts->len; i++)
    cli_note(verb, "%s", (const char *)g_ptr_array_index(notes->texts, i));
  g_hash_table_insert(shelf->traces, key, whole);
}

static Workload *
read_part(const Workload *whole, const Settings *settings, GError **error)
{
  g_autoptr(Workload) part = workload_copy(whole);

  if (!workload_send(part, settings, error))
    return NULL;
  return g_steal_pointer(&part);
}

/* TRUE if the settings ask for the whole trace, unscaled. */
static gboolean
is_whole(const Settings *settings)
{
  return settings->limit == 0 && settings->num_prompts == 0 && settings->time_scale == 1.0 &&
         !settings_given(settings, "request-rate");
}

const Workload *
shelf_workload(Shelf *shelf, const Settings *settings, GError **error)
{
  g_autofree char *key = NULL;
  const Workload *whole = NULL;

  if (!workload_source_check(settings, error))
    return NULL;
  if (settings->trace != NULL) {
    g_autofree char *name = trace_key(settings);
    whole = g_hash_table_lookup(shelf->traces, name);
  }
  if (whole != NULL && is_whole(settings))
    return whole;
  key = workload_source_key(settings);
  if (g_strcmp0(key, shelf->last_key) == 0)
    return shelf->last;
  g_clear_pointer(&shelf->last, workload_free);
  g_clear_pointer(&shelf->last_key, g_free);
  shelf->last = whole != NULL ? read_part(whole, settings, error)
                              : scenario_read_workload(settings, NULL, error);
  if (shelf->last != NULL)
    shelf->last_key = g_steal_pointer(&key);
  return shelf->last;
}
