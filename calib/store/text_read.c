/* Reads a profile's text: the file, and what is ahead of the rows. Head lines may come in any
 * order; what is not known is an error. */
#include "config.h"

#include "text_reader.h"

#include <errno.h>
#include <string.h>

#include "files/input.h"

static const char *
keep(ProfileReader *reader, const char *text)
{
  return g_string_chunk_insert_const(reader->profile->texts, text);
}

/* "origin 0 source": origins come in order. */
static gboolean
read_origin(ProfileReader *reader, const char *key, const char *value, GError **error)
{
  g_auto(GStrv) words = g_strsplit(key, " ", -1);
  gint64 index;

  if (g_strv_length(words) != 3 || !profile_reader_whole(words[1], reader->origins->len, &index))
    return profile_reader_fail(
        reader, reader->start, error,
        "found '%s', expected 'origin N FIELD' with N up to %u: origins are numbered "
        "from 0 in order",
        key, reader->origins->len);
  if (reader->origins_before + index >= G_MAXUINT16)
    return profile_reader_fail(reader, reader->start, error, "there are more than %d origins",
                               G_MAXUINT16);
  if (index == reader->origins->len) {
    ProfileOrigin none;
    for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
      profile_origin_set(&none, field, "");
    g_array_append_val(reader->origins, none);
  }
  for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++)
    if (g_str_equal(words[2], profile_origin_fields[field])) {
      profile_origin_set(&g_array_index(reader->origins, ProfileOrigin, (guint)index), field,
                         keep(reader, value));
      return TRUE;
    }
  return profile_reader_fail(
      reader, reader->start, error,
      "an origin has no field '%s'; expected source, measured_device, measured_model, "
      "engine, driver, cuda, clocks, date or program_version",
      words[2]);
}

/* "# KEY: VALUE"; a '#' without a key is a remark. */
static gboolean
read_head_line(ProfileReader *reader, char *line, GError **error)
{
  char *key = line + 1, *colon = strchr(line, ':'), *value;

  while (*key == ' ')
    key++;
  if (*key == '\0' || *key == '#')
    return TRUE;
  if (colon == NULL)
    return profile_reader_fail(reader, key, error, "found '%s', expected '# KEY: VALUE'", key);
  *colon = '\0';
  value = colon[1] == ' ' ? colon + 2 : colon + 1;
  profile_reader_unescape(value);
  if (g_str_equal(key, "name")) {
    g_free(reader->name);
    reader->name = g_strdup(value);
  } else if (g_str_equal(key, "device")) {
    g_free(reader->device);
    reader->device = g_strdup(value);
  } else if (g_str_equal(key, "note")) {
    if (*value != '\0')
      profile_add_note(reader->profile, "%s", value);
  } else if (g_str_equal(key, "samples")) {
    if (!profile_reader_whole(value, G_MAXUINT32, &reader->samples))
      return profile_reader_fail(reader, value, error, "found '%s', expected how many rows follow",
                                 value);
  } else if (g_str_has_prefix(key, "origin ")) {
    return read_origin(reader, key, value, error);
  } else {
    return profile_reader_fail(reader, key, error,
                               "found '%s', expected name, device, note, samples or origin N FIELD",
                               key);
  }
  return TRUE;
}

static gboolean
read_magic(ProfileReader *reader, const char *line, GError **error)
{
  gint64 format;

  if (!g_str_has_prefix(line, PROFILE_TEXT_MAGIC) ||
      !profile_reader_whole(line + strlen(PROFILE_TEXT_MAGIC), G_MAXINT64, &format)) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_FOREIGN,
                "%s:1:1: it is no profile: expected '" PROFILE_TEXT_MAGIC
                "%d' as the first line; tables of other programs are read by 'spillway profile "
                "import PATH… -o FILE.db'",
                reader->path, PROFILE_FORMAT);
    return FALSE;
  }
  if (format == PROFILE_FORMAT)
    return TRUE;
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_NEWER,
              "%s:1:%d: it has the profile format %" G_GINT64_FORMAT
              ", this program (spillway " PACKAGE_VERSION ") reads format %d; use the program that "
              "wrote it",
              reader->path, (int)strlen(PROFILE_TEXT_MAGIC) + 1, format, PROFILE_FORMAT);
  return FALSE;
}

static gboolean
read_line(ProfileReader *reader, char *line, gboolean *in_rows, GError **error)
{
  if (reader->line == 1)
    return read_magic(reader, line, error);
  if (*line == '#' && !*in_rows)
    return read_head_line(reader, line, error);
  if (*line == '#' || *line == '\0')
    return TRUE;
  if (*in_rows)
    return profile_reader_row(reader, line, error);
  *in_rows = TRUE;
  return profile_reader_header(reader, line, error);
}

/* The file as a whole, unpacked if it is compressed. */
static GString *
slurp(const char *path, GError **error)
{
  g_autoptr(GError) cause = NULL;
  gsize n_bytes;
  g_autofree char *text =
      input_read(path, INPUT_MAYBE_GZIP, INPUT_TABLE_MAX_BYTES, &n_bytes, &cause);

  if (text != NULL)
    return g_string_new_len(text, (gssize)n_bytes);
  if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_INVAL))
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED,
                "%s is damaged: %s; fetch or make it again", path, cause->message);
  else
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_OPEN, "cannot read %s: %s", path,
                g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_ISDIR)
                    ? "it is a folder; expected a profile's file"
                    : cause->message);
  return NULL;
}

static gboolean
fail_damaged(const ProfileReader *reader, GError **error, const char *what)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED,
              "%s:%" G_GUINT64_FORMAT ":1: %s: the file is damaged; fetch or make it again",
              reader->path, reader->line, what);
  return FALSE;
}

/* head_only: ends at the header. */
static gboolean
read_lines(ProfileReader *reader, GString *text, gboolean head_only, GError **error)
{
  gboolean in_rows = FALSE;

  if (strlen(text->str) != text->len) {
    reader->line = 1;
    return fail_damaged(reader, error, "it holds bytes that no text has");
  }
  for (char *line = text->str; line != NULL && *line != '\0' && !(in_rows && head_only);) {
    char *end = strchr(line, '\n'), *next = end != NULL ? end + 1 : NULL;
    reader->start = line;
    reader->line++;
    if (end != NULL) {
      *end = '\0';
      if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    }
    if (!read_line(reader, line, &in_rows, error))
      return FALSE;
    line = next;
  }
  if (reader->line == 0) /* says what is expected */
    return read_magic(reader, "", error);
  if (!head_only && reader->samples >= 0 && (guint64)reader->samples != reader->rows) {
    g_autofree char *what =
        g_strdup_printf("it ends after %" G_GUINT64_FORMAT " of %" G_GINT64_FORMAT " rows",
                        reader->rows, reader->samples);
    return fail_damaged(reader, error, what);
  }
  return TRUE;
}

static void
take_over(char **field, char *value)
{
  if (**field == '\0' && value != NULL) {
    g_free(*field);
    *field = value;
  } else {
    g_free(value);
  }
}

static gboolean
read_into(Profile *profile, const char *path, gboolean head_only, GError **error)
{
  g_autoptr(GString) text = slurp(path, error);
  ProfileReader reader = {.profile = profile, .path = path, .samples = -1};
  gboolean worked;

  if (text == NULL)
    return FALSE;
  for (guint role = 0; role < PROFILE_COLUMNS; role++)
    reader.columns[role] = -1;
  reader.origins = g_array_new(FALSE, FALSE, sizeof(ProfileOrigin));
  reader.origins_before = profile->origins->len;
  worked = read_lines(&reader, text, head_only, error);
  take_over(&profile->name, reader.name);
  take_over(&profile->device, reader.device);
  g_array_unref(reader.origins);
  return worked;
}

gboolean
profile_text_read_into(Profile *profile, const char *path, GError **error)
{
  return read_into(profile, path, FALSE, error);
}

Profile *
profile_text_read_head(const char *path, GError **error)
{
  g_autoptr(Profile) profile = profile_new("", "");

  return read_into(profile, path, TRUE, error) ? g_steal_pointer(&profile) : NULL;
}

Profile *
profile_text_read(const char *path, GError **error)
{
  g_autoptr(Profile) profile = profile_new("", "");

  if (!read_into(profile, path, FALSE, error))
    return NULL;
  profile_seal(profile);
  return profile_file_check(profile, path, error) ? g_steal_pointer(&profile) : NULL;
}
