/* Reads the text form. Head lines may come in any order and columns too; what is not known is an
 * error, so that a slip of the pen is not a value left out. */
#include "config.h"

#include "profile_text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { ROLES = 11 };

typedef enum {
  ROLE_OPERATION,
  ROLE_VARIANT,
  ROLE_DTYPE,
  ROLE_SHAPE,
  ROLE_MEDIAN,
  ROLE_P10,
  ROLE_P90,
  ROLE_COUNT,
  ROLE_KERNEL,
  ROLE_DERIVED,
  ROLE_ORIGIN,
} Role;

static const struct {
  const char *name;
  gboolean is_needed;
} roles[ROLES] = {
    {"operation", TRUE}, {"variant", FALSE}, {"dtype", FALSE},  {"shape", TRUE},
    {"median_ns", TRUE}, {"p10_ns", FALSE},  {"p90_ns", FALSE}, {"count", FALSE},
    {"kernel", FALSE},   {"derived", FALSE}, {"origin", FALSE},
};

typedef struct {
  Profile *profile;
  const char *path;
  guint64 line;        /* from 1 */
  char *start;         /* of the line */
  char *name, *device; /* as the head has them */
  GArray *origins;     /* of ProfileOrigin; texts are the profile's */
  guint origins_before;
  gint64 samples; /* as the head promises, -1 where it does not */
  guint64 rows;
  int columns[ROLES]; /* a column of each role, -1 where there is none */
  guint n_columns;
  char *cells[ROLES]; /* of the row, by column */
} Reader;

static gboolean fail_at(const Reader *reader, const char *where, GError **error, const char *format,
                        ...) G_GNUC_PRINTF(4, 5);

/* `where` points into the line. */
static gboolean
fail_at(const Reader *reader, const char *where, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start(args, format);
  message = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_VALUE, "%s:%" G_GUINT64_FORMAT ":%d: %s",
              reader->path, reader->line, (int)(where - reader->start) + 1, message);
  return FALSE;
}

/* In place. */
static void
unescape(char *text)
{
  char *to = text;

  for (; *text != '\0'; text++) {
    if (*text == '\\' && text[1] != '\0') {
      text++;
      *to++ = *text == 'n' ? '\n' : *text == 'r' ? '\r' : *text;
    } else {
      *to++ = *text;
    }
  }
  *to = '\0';
}

/* The whole of `text` as a whole number. */
static gboolean
parse_whole(const char *text, gint64 max, gint64 *value)
{
  char *end = NULL;

  if (!g_ascii_isdigit(*text))
    return FALSE;
  errno = 0;
  *value = g_ascii_strtoll(text, &end, 10);
  return errno == 0 && *end == '\0' && *value <= max;
}

static gboolean
parse_time(const char *text, double *value)
{
  char *end = NULL;

  if (!g_ascii_isdigit(*text) && *text != '.')
    return FALSE;
  if (strspn(text, "0123456789.eE+-") != strlen(text))
    return FALSE;
  *value = g_ascii_strtod(text, &end);
  return *end == '\0' && isfinite(*value);
}

static const char *
keep(Reader *reader, const char *text)
{
  return g_string_chunk_insert_const(reader->profile->texts, text);
}

/* "origin 0 source": origins come in order. */
static gboolean
read_origin(Reader *reader, const char *key, const char *value, GError **error)
{
  g_auto(GStrv) words = g_strsplit(key, " ", -1);
  gint64 index;

  if (g_strv_length(words) != 3 || !parse_whole(words[1], reader->origins->len, &index))
    return fail_at(reader, reader->start, error,
                   "found '%s', expected 'origin N FIELD' with N up to %u: origins are numbered "
                   "from 0 in order",
                   key, reader->origins->len);
  if (reader->origins_before + index >= G_MAXUINT16)
    return fail_at(reader, reader->start, error, "there are more than %d origins", G_MAXUINT16);
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
  return fail_at(reader, reader->start, error,
                 "an origin has no field '%s'; expected source, measured_device, measured_model, "
                 "engine, driver, cuda, clocks, date or program_version",
                 words[2]);
}

/* "# KEY: VALUE"; a '#' without a key is a remark. */
static gboolean
read_head_line(Reader *reader, char *line, GError **error)
{
  char *key = line + 1, *colon = strchr(line, ':'), *value;

  while (*key == ' ')
    key++;
  if (*key == '\0' || *key == '#')
    return TRUE;
  if (colon == NULL)
    return fail_at(reader, key, error, "found '%s', expected '# KEY: VALUE'", key);
  *colon = '\0';
  value = colon[1] == ' ' ? colon + 2 : colon + 1;
  unescape(value);
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
    if (!parse_whole(value, G_MAXUINT32, &reader->samples))
      return fail_at(reader, value, error, "found '%s', expected how many rows follow", value);
  } else if (g_str_has_prefix(key, "origin ")) {
    return read_origin(reader, key, value, error);
  } else {
    return fail_at(reader, key, error,
                   "found '%s', expected name, device, note, samples or origin N FIELD", key);
  }
  return TRUE;
}

/* Cuts the line at its commas, in place. The number of cells, or 0 after an error. */
static guint
split(Reader *reader, char *line, GError **error)
{
  guint n = 0;

  for (char *next = line; next != NULL; n++) {
    char *cell = next, *to = next;
    if (n == ROLES) {
      fail_at(reader, cell, error, "there are more than %d columns", ROLES);
      return 0;
    }
    if (*cell != '"') {
      next = strchr(cell, ',');
      if (next != NULL)
        *next++ = '\0';
      reader->cells[n] = cell;
      continue;
    }
    for (next = cell + 1; *next != '\0' && (*next != '"' || next[1] == '"'); next++) {
      if (*next == '"')
        next++;
      *to++ = *next;
    }
    if (*next != '"' || (next[1] != ',' && next[1] != '\0')) {
      fail_at(reader, cell, error, "the quote is not closed before a comma or the line's end");
      return 0;
    }
    *to = '\0';
    next = next[1] == ',' ? next + 2 : NULL;
    unescape(cell);
    reader->cells[n] = cell;
  }
  return n;
}

static gboolean
read_header(Reader *reader, char *line, GError **error)
{
  reader->n_columns = split(reader, line, error);
  if (reader->n_columns == 0)
    return FALSE;
  for (guint column = 0; column < reader->n_columns; column++) {
    const char *name = reader->cells[column];
    guint role = 0;
    while (role < ROLES && !g_str_equal(roles[role].name, name))
      role++;
    if (role == ROLES)
      return fail_at(reader, name, error,
                     "found the column '%s', expected some of operation, variant, dtype, shape, "
                     "median_ns, p10_ns, p90_ns, count, kernel, derived, origin",
                     name);
    if (reader->columns[role] >= 0)
      return fail_at(reader, name, error, "the column %s is there twice", name);
    reader->columns[role] = (int)column;
  }
  for (guint role = 0; role < ROLES; role++)
    if (roles[role].is_needed && reader->columns[role] < 0)
      return fail_at(reader, line, error, "the column %s is missing", roles[role].name);
  for (guint i = 0; i < reader->origins->len; i++)
    profile_add_origin(reader->profile, &g_array_index(reader->origins, ProfileOrigin, i));
  return TRUE;
}

static const char *
cell(const Reader *reader, Role role)
{
  return reader->columns[role] >= 0 ? reader->cells[reader->columns[role]] : "";
}

/* "m=1;n=4096;k=4096", in any order, each field once. */
static gboolean
read_shape(Reader *reader, ProfileSample *sample, GError **error)
{
  const Operation *operation = &operations[sample->operation];
  guint n = operation_n_shape(sample->operation), seen = 0;
  char *next = reader->cells[reader->columns[ROLE_SHAPE]];

  while (next != NULL && *next != '\0') {
    char *field = next, *equals = strchr(field, '=');
    guint i = 0;
    next = strchr(field, ';');
    if (next != NULL)
      *next++ = '\0';
    if (equals == NULL || (next != NULL && equals >= next))
      return fail_at(reader, field, error, "found '%s', expected FIELD=NUMBER", field);
    *equals = '\0';
    while (i < n && !g_str_equal(operation->shape[i], field))
      i++;
    if (i == n)
      return fail_at(reader, field, error, "%s has no shape field '%s'", operation->name, field);
    if (seen & 1u << i)
      return fail_at(reader, field, error, "%s is there twice", field);
    if (!parse_whole(equals + 1, G_MAXINT64, &sample->shape[i]))
      return fail_at(reader, equals + 1, error, "%s: found '%s', expected a whole number", field,
                     equals + 1);
    seen |= 1u << i;
  }
  for (guint i = 0; i < n; i++)
    if (!(seen & 1u << i))
      return fail_at(reader, reader->cells[reader->columns[ROLE_SHAPE]], error,
                     "%s lacks the shape field %s", operation->name, operation->shape[i]);
  return TRUE;
}

static gboolean
read_times(Reader *reader, ProfileSample *sample, GError **error)
{
  const struct {
    Role role;
    double *value;
  } times[] = {
      {ROLE_MEDIAN, &sample->median_ns}, {ROLE_P10, &sample->p10_ns}, {ROLE_P90, &sample->p90_ns}};

  for (guint i = 0; i < G_N_ELEMENTS(times); i++) {
    const char *text = cell(reader, times[i].role);
    if (*text == '\0' && i > 0)
      *times[i].value = sample->median_ns;
    else if (!parse_time(text, times[i].value))
      return fail_at(reader, text, error, "%s: found '%s', expected nanoseconds",
                     roles[times[i].role].name, text);
  }
  return TRUE;
}

static gboolean
read_counts(Reader *reader, ProfileSample *sample, GError **error)
{
  guint n_origins = reader->origins->len;
  const struct {
    Role role;
    gint64 max;
    const char *expected;
  } counts[] = {
      {ROLE_COUNT, G_MAXUINT32, "a whole number, or nothing"},
      {ROLE_DERIVED, 1, "0, 1 or nothing"},
      {ROLE_ORIGIN, (gint64)n_origins - 1, "the number of an origin that the head describes"},
  };
  gint64 values[G_N_ELEMENTS(counts)] = {0};

  for (guint i = 0; i < G_N_ELEMENTS(counts); i++) {
    const char *text = cell(reader, counts[i].role);
    if (*text != '\0' ? !parse_whole(text, counts[i].max, &values[i])
                      : counts[i].role == ROLE_ORIGIN && n_origins == 0)
      return fail_at(reader, *text != '\0' ? text : reader->start, error,
                     "%s: found '%s', expected %s", roles[counts[i].role].name, text,
                     counts[i].expected);
  }
  sample->count = (guint32)values[0];
  sample->derived = (guint8)values[1];
  sample->origin = (guint16)(reader->origins_before + values[2]);
  return TRUE;
}

static gboolean
read_row(Reader *reader, char *line, GError **error)
{
  ProfileSample sample = {0};
  OperationKind kind;
  guint n = split(reader, line, error);

  if (n == 0)
    return FALSE;
  if (n != reader->n_columns)
    return fail_at(reader, line, error, "found %u columns, expected the header's %u", n,
                   reader->n_columns);
  if (!operation_find(cell(reader, ROLE_OPERATION), &kind))
    return fail_at(reader, cell(reader, ROLE_OPERATION), error,
                   "found '%s', expected an operation: gemm, elementwise, attention, "
                   "attention_skew, sampling, all_reduce, copy or host",
                   cell(reader, ROLE_OPERATION));
  sample.operation = (guint8)kind;
  sample.variant = cell(reader, ROLE_VARIANT);
  sample.dtype = cell(reader, ROLE_DTYPE);
  sample.kernel = cell(reader, ROLE_KERNEL);
  if (!operations[kind].has_variant && *sample.variant != '\0')
    return fail_at(reader, sample.variant, error, "found the variant '%s', but %s has none",
                   sample.variant, operations[kind].name);
  if (!read_shape(reader, &sample, error) || !read_times(reader, &sample, error) ||
      !read_counts(reader, &sample, error))
    return FALSE;
  if (profile_sample_fault(&sample) != NULL)
    return fail_at(reader, line, error, "%s", profile_sample_fault(&sample));
  profile_add(reader->profile, &sample);
  reader->rows++;
  return TRUE;
}

static gboolean
read_magic(Reader *reader, const char *line, GError **error)
{
  gint64 format;

  if (!g_str_has_prefix(line, PROFILE_TEXT_MAGIC) ||
      !parse_whole(line + strlen(PROFILE_TEXT_MAGIC), G_MAXINT64, &format)) {
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
read_line(Reader *reader, char *line, gboolean *in_rows, GError **error)
{
  if (reader->line == 1)
    return read_magic(reader, line, error);
  if (*line == '#' && !*in_rows)
    return read_head_line(reader, line, error);
  if (*line == '#' || *line == '\0')
    return TRUE;
  if (*in_rows)
    return read_row(reader, line, error);
  *in_rows = TRUE;
  return read_header(reader, line, error);
}

/* The file as a whole, unpacked if it is compressed. */
static GString *
slurp(const char *path, GError **error)
{
  g_autoptr(GString) text = g_string_new(NULL);
  g_autofree char *buffer = g_malloc(1 << 18);
  gboolean is_folder = g_file_test(path, G_FILE_TEST_IS_DIR);
  gzFile file;
  int n, status;

  errno = 0;
  file = is_folder ? NULL : gzopen(path, "rb");
  if (file == NULL) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_OPEN, "cannot read %s: %s", path,
                is_folder ? "it is a folder; expected a profile's file" : g_strerror(errno));
    return NULL;
  }
  while ((n = gzread(file, buffer, 1 << 18)) > 0)
    g_string_append_len(text, buffer, n);
  status = gzclose(file);
  if (n < 0 || status != Z_OK) {
    g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED,
                "%s is damaged: it ends, or goes wrong, within its compressed data; fetch or make "
                "it again",
                path);
    return NULL;
  }
  return g_steal_pointer(&text);
}

static gboolean
fail_damaged(const Reader *reader, GError **error, const char *what)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_DAMAGED,
              "%s:%" G_GUINT64_FORMAT ":1: %s: the file is damaged; fetch or make it again",
              reader->path, reader->line, what);
  return FALSE;
}

/* head_only: ends at the header. */
static gboolean
read_lines(Reader *reader, GString *text, gboolean head_only, GError **error)
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
  Reader reader = {.profile = profile, .path = path, .samples = -1};
  gboolean worked;

  if (text == NULL)
    return FALSE;
  for (guint role = 0; role < ROLES; role++)
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
