/* The growing profile: rows that are in the file, rows that wait for the next commit, and a table
 * of both by key.
 *
 * A commit inserts the new rows, moves promoted ones, and renews the number of samples and the
 * digest, so the file is a whole profile after each. The digest is over all samples: some
 * milliseconds for ten thousand.
 */
#include "config.h"

#include "journal.h"

#include <glib/gstdio.h>
#include <string.h>

#include "db.h"
#include "database.h"
#include "sniff.h"
#include "calib/devices/host.h"

#define SOURCE_PREFIX "calibrate"
#define SEED_KEY "calibrate_seed"

typedef struct {
  ProfileSample sample; /* first: the key */
  gboolean aside, is_new;
  gboolean promoted; /* is in the file's table `aside`, from which it must be removed */
} Entry;

struct ProfileJournal {
  ProfileDb db;
  char *path;
  Profile *profile;    /* what fits read */
  GHashTable *entries; /* of Entry, by key */
  GPtrArray *changed;  /* of Entry: to be written */
  gint64 samples;      /* in the file */
};

static guint
hash_key(gconstpointer key)
{
  const ProfileSample *sample = key;
  guint hash = g_str_hash(sample->variant) * 31 + g_str_hash(sample->dtype) + sample->operation;

  for (guint i = 0; i < operation_n_shape(sample->operation); i++)
    hash = hash * 1000003 + (guint)sample->shape[i];
  return hash;
}

static gboolean
equal_keys(gconstpointer a, gconstpointer b)
{
  return profile_compare_keys(a, b) == 0;
}

static Entry *
keep(ProfileJournal *journal, const ProfileSample *sample, gboolean aside)
{
  Entry *entry = g_new0(Entry, 1);

  entry->sample = *sample;
  entry->sample.variant = g_string_chunk_insert_const(journal->profile->texts, sample->variant);
  entry->sample.dtype = g_string_chunk_insert_const(journal->profile->texts, sample->dtype);
  entry->sample.kernel = g_string_chunk_insert_const(journal->profile->texts, sample->kernel);
  for (guint i = operation_n_shape(sample->operation); i < OPERATION_SHAPE_MAX; i++)
    entry->sample.shape[i] = 0;
  entry->aside = aside;
  g_hash_table_replace(journal->entries, entry, entry);
  return entry;
}

static gboolean
refuse(GError **error, const char *path, const char *why)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_FOREIGN, "%s %s; name another file with -o", path,
              why);
  return FALSE;
}

/* Derived samples, of host time, have origins of their own: a host's file, or a device's where
 * older programs wrote them. */
static gboolean
check_origins(const ProfileJournal *journal, const char *measured_device, GError **error)
{
  const GArray *origins = journal->profile->origins;
  g_autofree char *why = NULL;

  for (guint i = 0; i < origins->len; i++) {
    const ProfileOrigin *origin = &g_array_index(origins, ProfileOrigin, i);
    if (*origin->measured_device == '\0' && (g_str_has_prefix(origin->source, HOST_SOURCE) ||
                                             g_str_has_prefix(origin->source, "device file")))
      continue;
    if (!g_str_has_prefix(origin->source, SOURCE_PREFIX))
      return refuse(error, journal->path, "is a profile of tables that were imported");
    if (g_str_equal(origin->measured_device, measured_device))
      continue;
    why = g_strdup_printf("was measured on '%s', and this is '%s'", origin->measured_device,
                          measured_device);
    return refuse(error, journal->path, why);
  }
  return TRUE;
}

static gboolean
read_aside(ProfileJournal *journal, GError **error)
{
  g_autoptr(Profile) aside = profile_new("", "");

  for (guint i = 0; i < journal->profile->origins->len; i++)
    profile_add_origin(aside, &g_array_index(journal->profile->origins, ProfileOrigin, i));
  if (!profile_db_read_samples(&journal->db, "SELECT * FROM aside ORDER BY rowid", aside, error))
    return FALSE;
  for (guint i = 0; i < aside->samples->len; i++)
    keep(journal, &g_array_index(aside->samples, ProfileSample, i), TRUE);
  return TRUE;
}

/* Reads the seed and the samples of an earlier start. An imported profile has no seed. */
static gboolean
resume(ProfileJournal *journal, const char *measured_device, guint64 *seed, GError **error)
{
  g_autofree char *text = profile_db_query_meta(&journal->db, SEED_KEY);

  if (text == NULL)
    return refuse(error, journal->path, "is a profile of tables that were imported");
  *seed = g_ascii_strtoull(text, NULL, 10);
  for (guint i = 0; i < journal->profile->samples->len; i++)
    keep(journal, &g_array_index(journal->profile->samples, ProfileSample, i), FALSE);
  return check_origins(journal, measured_device, error) && read_aside(journal, error);
}

static gboolean
begin(ProfileJournal *journal, guint64 seed, GError **error)
{
  g_autofree char *sql =
      g_strdup_printf("BEGIN; INSERT OR REPLACE INTO meta VALUES ('" SEED_KEY
                      "', '%" G_GUINT64_FORMAT "'); " PROFILE_DB_ASIDE_SCRIPT "COMMIT",
                      seed);

  return profile_db_execute(&journal->db, sql, error);
}

ProfileJournal *
profile_journal_open(const char *path, const Profile *header, const char *measured_device,
                     guint64 *seed, gboolean *resumed, GError **error)
{
  g_autoptr(ProfileJournal) journal = g_new0(ProfileJournal, 1);
  GStatBuf status;

  *resumed = g_stat(path, &status) == 0 && status.st_size > 0;
  journal->path = g_strdup(path);
  journal->db.path = journal->path;
  journal->entries = g_hash_table_new_full(hash_key, equal_keys, g_free, NULL);
  journal->changed = g_ptr_array_new();
  if (*resumed && !profile_file_may_replace(path, error))
    return NULL;
  if (*resumed && !profile_store_sniff(path)) {
    refuse(error, path, "is a profile's text, and calibration writes a database (FILE.db)");
    return NULL;
  }
  if (!*resumed && !profile_store_write(header, path, error))
    return NULL;
  journal->profile = profile_store_read(path, error);
  if (journal->profile == NULL)
    return NULL;
  if (!profile_db_open(&journal->db, SQLITE_OPEN_READWRITE, error))
    return NULL;
  journal->samples = journal->profile->samples->len;
  if (!(*resumed ? resume(journal, measured_device, seed, error) : begin(journal, *seed, error)))
    return NULL;
  return g_steal_pointer(&journal);
}

void
profile_journal_free(ProfileJournal *journal)
{
  if (journal == NULL)
    return;
  profile_db_close(&journal->db);
  g_ptr_array_unref(journal->changed);
  g_hash_table_unref(journal->entries);
  profile_free(journal->profile);
  g_free(journal->path);
  g_free(journal);
}

const ProfileSample *
profile_journal_find(const ProfileJournal *journal, const ProfileSample *key, gboolean *aside)
{
  const Entry *entry = g_hash_table_lookup(journal->entries, key);

  *aside = entry != NULL && entry->aside;
  return entry != NULL ? &entry->sample : NULL;
}

guint16
profile_journal_add_origin(ProfileJournal *journal, const ProfileOrigin *origin)
{
  return profile_add_origin(journal->profile, origin);
}

void
profile_journal_set_source(ProfileJournal *journal, guint16 origin, const char *source)
{
  g_array_index(journal->profile->origins, ProfileOrigin, origin).source =
      g_string_chunk_insert_const(journal->profile->texts, source);
}

void
profile_journal_add(ProfileJournal *journal, const ProfileSample *sample, gboolean aside)
{
  Entry *entry = keep(journal, sample, aside);

  entry->is_new = TRUE;
  g_ptr_array_add(journal->changed, entry);
  if (!aside)
    profile_add(journal->profile, &entry->sample);
}

void
profile_journal_promote(ProfileJournal *journal, const ProfileSample *key)
{
  Entry *entry = g_hash_table_lookup(journal->entries, key);

  g_assert(entry != NULL);
  if (!entry->aside)
    return;
  entry->aside = FALSE;
  if (!entry->is_new) { /* else it was never written aside */
    entry->promoted = TRUE;
    g_ptr_array_add(journal->changed, entry);
  }
  profile_add(journal->profile, &entry->sample);
}

static gboolean
remove_aside(const ProfileJournal *journal, const ProfileSample *sample, GError **error)
{
  g_autoptr(GString) sql = g_string_new("DELETE FROM aside WHERE operation = ? AND variant = ?"
                                        " AND dtype = ?");
  g_autoptr(Statement) statement = NULL;

  for (guint i = 0; i < operation_n_shape(sample->operation); i++)
    g_string_append_printf(sql, " AND s%u = %" G_GINT64_FORMAT, i, sample->shape[i]);
  g_string_append(sql, " AND kernel = ?");
  statement = profile_db_prepare(&journal->db, sql->str);
  if (statement == NULL)
    return profile_db_fail_write(&journal->db, error);
  profile_db_bind_text(statement, 1, operations[sample->operation].name);
  profile_db_bind_text(statement, 2, sample->variant);
  profile_db_bind_text(statement, 3, sample->dtype);
  profile_db_bind_text(statement, 4, sample->kernel);
  return profile_db_insert(&journal->db, statement, error);
}

static gboolean
write_changes(const ProfileJournal *journal, GError **error)
{
  g_autoptr(Statement) sample =
      profile_db_prepare(&journal->db, PROFILE_DB_INSERT_SAMPLE("sample"));
  g_autoptr(Statement) aside = profile_db_prepare(&journal->db, PROFILE_DB_INSERT_SAMPLE("aside"));

  if (sample == NULL || aside == NULL)
    return profile_db_fail_write(&journal->db, error);
  for (guint i = 0; i < journal->changed->len; i++) {
    const Entry *entry = g_ptr_array_index(journal->changed, i);
    if (entry->promoted && !remove_aside(journal, &entry->sample, error))
      return FALSE;
    if (!profile_db_insert_sample(&journal->db, entry->aside ? aside : sample, &entry->sample,
                                  error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
write_meta(const ProfileJournal *journal, GError **error)
{
  g_autofree char *digest = profile_digest(journal->profile);
  g_autofree char *sql = g_strdup_printf("UPDATE meta SET value = %u WHERE key = 'samples';"
                                         "UPDATE meta SET value = '%s' WHERE key = 'digest';"
                                         "INSERT OR REPLACE INTO meta VALUES ('crc32', %u)",
                                         journal->profile->samples->len, digest,
                                         profile_crc(journal->profile, digest));

  return profile_db_execute(&journal->db, sql, error);
}

/* Two calibrations into one file would leave it damaged. */
static gboolean
check_alone(const ProfileJournal *journal, GError **error)
{
  gint64 samples;

  if (!profile_db_query_int(&journal->db, "SELECT value FROM meta WHERE key = 'samples'", &samples,
                            error))
    return FALSE;
  if (samples == journal->samples)
    return TRUE;
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE,
              "%s was changed by another program while this one measured; what is in it is whole, "
              "start again to go on",
              journal->path);
  return FALSE;
}

gboolean
profile_journal_commit(ProfileJournal *journal, GError **error)
{
  profile_seal(journal->profile);
  if (!profile_db_execute(&journal->db, "BEGIN IMMEDIATE", error))
    return FALSE;
  if (!check_alone(journal, error) ||
      !profile_db_write_origins(&journal->db, journal->profile, error) ||
      !write_changes(journal, error) || !write_meta(journal, error) ||
      !profile_db_execute(&journal->db, "COMMIT", error)) {
    sqlite3_exec(journal->db.sqlite, "ROLLBACK", NULL, NULL, NULL);
    return FALSE;
  }
  journal->samples = journal->profile->samples->len;
  for (guint i = 0; i < journal->changed->len; i++) {
    Entry *entry = g_ptr_array_index(journal->changed, i);
    entry->is_new = entry->promoted = FALSE;
  }
  g_ptr_array_set_size(journal->changed, 0);
  return TRUE;
}

const Profile *
profile_journal_profile(ProfileJournal *journal)
{
  profile_seal(journal->profile);
  return journal->profile;
}
