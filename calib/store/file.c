/* What the database and the text form of a profile share: what a profile must have, and its digest,
 * which is over the values and not over a file's bytes, so that both forms
 * agree. */
#include "file.h"

#include <math.h>
#include <stddef.h>
#include <string.h>
#include <zlib.h>

#define SHAPE_MAX ((gint64)1 << 40)

/* No operation takes eleven days, and times are added up. */
static gboolean
is_time(double ns)
{
  return ns > 0 && ns <= 1e15;
}

const char *
profile_sample_fault(const ProfileSample *sample)
{
  gboolean may_be_nothing = sample->operation == OP_HOST && sample->median_ns == 0;

  for (guint i = 0; i < OPERATION_SHAPE_MAX; i++)
    if (sample->shape[i] < 0)
      return "a shape is negative";
    else if (sample->shape[i] > SHAPE_MAX)
      return "a shape is above 2^40";
  if (!may_be_nothing && !is_time(sample->median_ns))
    return "the median is not a time (nanoseconds, above 0 and at most 1e15)";
  if (!may_be_nothing && (!is_time(sample->p10_ns) || !is_time(sample->p90_ns)))
    return "p10 or p90 is not a time (nanoseconds, above 0 and at most 1e15)";
  if (sample->p10_ns > sample->median_ns || sample->median_ns > sample->p90_ns)
    return "p10, the median and p90 are not in that order";
  return NULL;
}

static gboolean
incomplete(const char *path, const char *what, const char *supplied_by, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_INCOMPLETE, "%s: the profile has no %s; %s", path,
              what, supplied_by);
  return FALSE;
}

gboolean
profile_file_check(const Profile *profile, const char *path, GError **error)
{
  if (*profile->name == '\0')
    return incomplete(path, "name", "give it one with 'spillway profile import … --name NAME'",
                      error);
  if (*profile->device == '\0')
    return incomplete(path, "device",
                      "name the one it was measured on with 'spillway profile import … --device "
                      "DEVICE'",
                      error);
  if (profile->samples->len == 0)
    return incomplete(path, "measurements",
                      "'spillway profile import PATH… -o FILE.db' supplies them from published "
                      "tables, 'spillway calibrate' from a GPU",
                      error);
  for (guint i = 0; i < profile->samples->len; i++) {
    const ProfileSample *sample = &g_array_index(profile->samples, ProfileSample, i);
    const char *fault = profile_sample_fault(sample);
    if (fault != NULL) {
      g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_VALUE, "%s: sample %u, of %s: %s", path, i,
                  operations[sample->operation].name, fault);
      return FALSE;
    }
  }
  return TRUE;
}

/* The digest of value after value, in pieces that are worth a call; or their CRC. */
typedef struct {
  GChecksum *checksum; /* NULL: the CRC is wanted */
  uLong crc;
  gsize length;
  guint8 bytes[4096];
} Digest;

static void
digest_piece(Digest *digest, gconstpointer bytes, gsize n)
{
  if (digest->checksum != NULL)
    g_checksum_update(digest->checksum, bytes, (gssize)n);
  else
    digest->crc = crc32_z(digest->crc, bytes, n);
}

static void
digest_end(Digest *digest)
{
  digest_piece(digest, digest->bytes, digest->length);
  digest->length = 0;
}

static void
digest_bytes(Digest *digest, gconstpointer bytes, gsize n)
{
  if (digest->length + n > sizeof digest->bytes)
    digest_end(digest);
  if (n > sizeof digest->bytes) {
    digest_piece(digest, bytes, n);
    return;
  }
  memcpy(digest->bytes + digest->length, bytes, n);
  digest->length += n;
}

static void
digest_text(Digest *digest, const char *text)
{
  digest_bytes(digest, text, strlen(text) + 1);
}

static void
digest_int(Digest *digest, gint64 value)
{
  gint64 little = GINT64_TO_LE(value);

  digest_bytes(digest, &little, sizeof little);
}

static void
digest_real(Digest *digest, double value)
{
  gint64 bits;

  memcpy(&bits, &value, sizeof bits);
  digest_int(digest, bits);
}

static void
digest_sample(Digest *digest, const ProfileSample *sample)
{
  guint n_shape = operation_n_shape(sample->operation);

  digest_text(digest, operations[sample->operation].name);
  digest_text(digest, sample->variant);
  digest_text(digest, sample->dtype);
  digest_text(digest, sample->kernel);
  for (guint i = 0; i < n_shape; i++)
    digest_int(digest, sample->shape[i]);
  digest_real(digest, sample->median_ns);
  digest_real(digest, sample->p10_ns);
  digest_real(digest, sample->p90_ns);
  digest_int(digest, sample->count);
  digest_int(digest, sample->derived != 0);
  digest_int(digest, sample->origin);
}

static void
digest_profile(Digest *digest, const Profile *profile)
{
  digest_int(digest, PROFILE_FORMAT);
  digest_text(digest, profile->name);
  digest_text(digest, profile->device);
  digest_text(digest, profile->note);
  for (guint i = 0; i < profile->origins->len; i++)
    for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
      digest_text(digest,
                  profile_origin_get(&g_array_index(profile->origins, ProfileOrigin, i), field));
  for (guint i = 0; i < profile->samples->len; i++)
    digest_sample(digest, &g_array_index(profile->samples, ProfileSample, i));
}

char *
profile_digest(const Profile *profile)
{
  g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
  Digest digest = {.checksum = checksum};

  digest_profile(&digest, profile);
  digest_end(&digest);
  return g_strdup(g_checksum_get_string(checksum));
}

guint32
profile_crc(const Profile *profile, const char *known_digest)
{
  Digest digest = {.crc = crc32_z(0, NULL, 0)};

  digest_profile(&digest, profile);
  digest_text(&digest, known_digest);
  digest_end(&digest);
  return (guint32)digest.crc;
}

char *
profile_digest_as_read(const Profile *profile)
{
  return profile->digest_read != NULL ? g_strdup(profile->digest_read) : profile_digest(profile);
}

const char *const profile_origin_fields[PROFILE_ORIGIN_FIELDS] = {
    "source", "measured_device", "measured_model", "engine",          "driver",
    "cuda",   "clocks",          "date",           "program_version",
};

static const gsize origin_offsets[PROFILE_ORIGIN_FIELDS] = {
    offsetof(ProfileOrigin, source),          offsetof(ProfileOrigin, measured_device),
    offsetof(ProfileOrigin, measured_model),  offsetof(ProfileOrigin, engine),
    offsetof(ProfileOrigin, driver),          offsetof(ProfileOrigin, cuda),
    offsetof(ProfileOrigin, clocks),          offsetof(ProfileOrigin, date),
    offsetof(ProfileOrigin, program_version),
};

const char *
profile_origin_get(const ProfileOrigin *origin, guint field)
{
  return G_STRUCT_MEMBER(const char *, origin, origin_offsets[field]);
}

void
profile_origin_set(ProfileOrigin *origin, guint field, const char *text)
{
  G_STRUCT_MEMBER(const char *, origin, origin_offsets[field]) = text;
}
