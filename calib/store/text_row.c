/* The header and the rows of a profile's text. Columns may come in any order; an unknown one is an
 * error, so that no misspelt value is lost. */
#include "text_reader.h"

#include <math.h>
#include <string.h>

enum { ROLES = PROFILE_COLUMNS };

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

/* Cuts the line at its commas, in place. The number of cells, or 0 after an error. */
static guint
split(ProfileReader *reader, char *line, GError **error)
{
  guint n = 0;

  for (char *next = line; next != NULL; n++) {
    char *cell = next, *to = next;
    if (n == ROLES) {
      profile_reader_fail(reader, cell, error, "there are more than %d columns", ROLES);
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
      profile_reader_fail(reader, cell, error,
                          "the quote is not closed before a comma or the line's end");
      return 0;
    }
    *to = '\0';
    next = next[1] == ',' ? next + 2 : NULL;
    profile_reader_unescape(cell);
    reader->cells[n] = cell;
  }
  return n;
}

gboolean
profile_reader_header(ProfileReader *reader, char *line, GError **error)
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
      return profile_reader_fail(
          reader, name, error,
          "found the column '%s', expected some of operation, variant, dtype, shape, "
          "median_ns, p10_ns, p90_ns, count, kernel, derived, origin",
          name);
    if (reader->columns[role] >= 0)
      return profile_reader_fail(reader, name, error, "the column %s is there twice", name);
    reader->columns[role] = (int)column;
  }
  for (guint role = 0; role < ROLES; role++)
    if (roles[role].is_needed && reader->columns[role] < 0)
      return profile_reader_fail(reader, line, error, "the column %s is missing", roles[role].name);
  for (guint i = 0; i < reader->origins->len; i++)
    profile_add_origin(reader->profile, &g_array_index(reader->origins, ProfileOrigin, i));
  return TRUE;
}

static const char *
cell(const ProfileReader *reader, Role role)
{
  return reader->columns[role] >= 0 ? reader->cells[reader->columns[role]] : "";
}

/* "m=1;n=4096;k=4096", in any order, each field once. */
static gboolean
read_shape(ProfileReader *reader, ProfileSample *sample, GError **error)
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
      return profile_reader_fail(reader, field, error, "found '%s', expected FIELD=NUMBER", field);
    *equals = '\0';
    while (i < n && !g_str_equal(operation->shape[i], field))
      i++;
    if (i == n)
      return profile_reader_fail(reader, field, error, "%s has no shape field '%s'",
                                 operation->name, field);
    if (seen & 1u << i)
      return profile_reader_fail(reader, field, error, "%s is there twice", field);
    if (!profile_reader_whole(equals + 1, G_MAXINT64, &sample->shape[i]))
      return profile_reader_fail(reader, equals + 1, error,
                                 "%s: found '%s', expected a whole number", field, equals + 1);
    seen |= 1u << i;
  }
  for (guint i = 0; i < n; i++)
    if (!(seen & 1u << i))
      return profile_reader_fail(reader, reader->cells[reader->columns[ROLE_SHAPE]], error,
                                 "%s lacks the shape field %s", operation->name,
                                 operation->shape[i]);
  return TRUE;
}

static gboolean
read_times(ProfileReader *reader, ProfileSample *sample, GError **error)
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
      return profile_reader_fail(reader, text, error, "%s: found '%s', expected nanoseconds",
                                 roles[times[i].role].name, text);
  }
  return TRUE;
}

static gboolean
read_counts(ProfileReader *reader, ProfileSample *sample, GError **error)
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
    if (*text != '\0' ? !profile_reader_whole(text, counts[i].max, &values[i])
                      : counts[i].role == ROLE_ORIGIN && n_origins == 0)
      return profile_reader_fail(reader, *text != '\0' ? text : reader->start, error,
                                 "%s: found '%s', expected %s", roles[counts[i].role].name, text,
                                 counts[i].expected);
  }
  sample->count = (guint32)values[0];
  sample->derived = (guint8)values[1];
  sample->origin = (guint16)(reader->origins_before + values[2]);
  return TRUE;
}

gboolean
profile_reader_row(ProfileReader *reader, char *line, GError **error)
{
  ProfileSample sample = {0};
  OperationKind kind;
  guint n = split(reader, line, error);

  if (n == 0)
    return FALSE;
  if (n != reader->n_columns)
    return profile_reader_fail(reader, line, error, "found %u columns, expected the header's %u", n,
                               reader->n_columns);
  if (!operation_find(cell(reader, ROLE_OPERATION), &kind)) {
    g_autofree char *names = operation_names();
    return profile_reader_fail(reader, cell(reader, ROLE_OPERATION), error,
                               "found '%s', expected an operation: %s",
                               cell(reader, ROLE_OPERATION), names);
  }
  sample.operation = (guint8)kind;
  sample.variant = cell(reader, ROLE_VARIANT);
  sample.dtype = cell(reader, ROLE_DTYPE);
  sample.kernel = cell(reader, ROLE_KERNEL);
  if (!operations[kind].has_variant && *sample.variant != '\0')
    return profile_reader_fail(reader, sample.variant, error,
                               "found the variant '%s', but %s has none", sample.variant,
                               operations[kind].name);
  if (!read_shape(reader, &sample, error) || !read_times(reader, &sample, error) ||
      !read_counts(reader, &sample, error))
    return FALSE;
  if (profile_sample_fault(&sample) != NULL)
    return profile_reader_fail(reader, line, error, "%s", profile_sample_fault(&sample));
  profile_add(reader->profile, &sample);
  reader->rows++;
  return TRUE;
}
