/* Writes the text form: head lines that begin with '#', a header, a row a sample. */
#include "config.h"

#include "text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include "sniff.h"

#include "files/output.h"

/* A line break within a text is written as \n, as C does. */
static void
append_escaped(GString *text, const char *value)
{
  for (; *value != '\0'; value++) {
    if (*value == '\\')
      g_string_append(text, "\\\\");
    else if (*value == '\n')
      g_string_append(text, "\\n");
    else if (*value == '\r')
      g_string_append(text, "\\r");
    else
      g_string_append_c(text, *value);
  }
}

static void
append_meta(GString *text, const char *key, const char *value)
{
  g_string_append_printf(text, "# %s: ", key);
  append_escaped(text, value);
  g_string_append_c(text, '\n');
}

/* Fields that are not known are left out, but for the source, so that each origin is there. */
static void
append_origin(GString *text, guint index, const ProfileOrigin *origin)
{
  for (guint field = 0; field < PROFILE_ORIGIN_FIELDS; field++) {
    const char *value = profile_origin_get(origin, field);
    g_autofree char *key = g_strdup_printf("origin %u %s", index, profile_origin_fields[field]);
    if (field == 0 || *value != '\0')
      append_meta(text, key, value);
  }
}

static void
append_cell(GString *text, const char *value)
{
  gboolean quoted = strpbrk(value, ",\"\n\r\\") != NULL;

  if (!quoted) {
    g_string_append(text, value);
    return;
  }
  g_string_append_c(text, '"');
  for (; *value != '\0'; value++) {
    char one[2] = {*value, '\0'};
    if (*value == '"')
      g_string_append(text, "\"\"");
    else
      append_escaped(text, one);
  }
  g_string_append_c(text, '"');
}

/* Appends the fewest digits that read back as the same number. */
static void
append_real(GString *text, double value)
{
  static const char *const formats[] = {"%.15g", "%.16g", "%.17g"};
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (value == floor(value) && fabs(value) < 1e15) {
    g_string_append_printf(text, "%" G_GINT64_FORMAT, (gint64)value);
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
    g_ascii_formatd(buffer, sizeof buffer, formats[i], value);
    if (g_ascii_strtod(buffer, NULL) == value)
      break;
  }
  g_string_append(text, buffer);
}

static void
append_shape(GString *text, const ProfileSample *sample)
{
  const Operation *operation = &operations[sample->operation];

  for (guint i = 0; i < operation_n_shape(sample->operation); i++)
    g_string_append_printf(text, "%s%s=%" G_GINT64_FORMAT, i > 0 ? ";" : "", operation->shape[i],
                           sample->shape[i]);
}

/* Cells are empty where p10 and p90 equal the median, a count is not known, or the sample is not
 * derived. */
static void
append_sample(GString *text, const ProfileSample *sample)
{
  append_cell(text, operations[sample->operation].name);
  g_string_append_c(text, ',');
  append_cell(text, sample->variant);
  g_string_append_c(text, ',');
  append_cell(text, sample->dtype);
  g_string_append_c(text, ',');
  append_shape(text, sample);
  g_string_append_c(text, ',');
  append_real(text, sample->median_ns);
  g_string_append_c(text, ',');
  if (sample->p10_ns != sample->median_ns)
    append_real(text, sample->p10_ns);
  g_string_append_c(text, ',');
  if (sample->p90_ns != sample->median_ns)
    append_real(text, sample->p90_ns);
  g_string_append_c(text, ',');
  if (sample->count > 0)
    g_string_append_printf(text, "%" G_GUINT32_FORMAT, sample->count);
  g_string_append_c(text, ',');
  append_cell(text, sample->kernel);
  g_string_append_printf(text, ",%s,%u\n", sample->derived ? "1" : "", sample->origin);
}

void
profile_text_append(const Profile *profile, GString *text)
{
  g_string_append_printf(text, PROFILE_TEXT_MAGIC "%d\n", PROFILE_FORMAT);
  append_meta(text, "name", profile->name);
  append_meta(text, "device", profile->device);
  append_meta(text, "note", profile->note);
  for (guint i = 0; i < profile->origins->len; i++)
    append_origin(text, i, &g_array_index(profile->origins, ProfileOrigin, i));
  g_string_append_printf(text, "# samples: %u\n", profile->samples->len);
  g_string_append(text, "operation,variant,dtype,shape,median_ns,p10_ns,p90_ns,count,kernel,"
                        "derived,origin\n");
  for (guint i = 0; i < profile->samples->len; i++)
    append_sample(text, &g_array_index(profile->samples, ProfileSample, i));
}

static gboolean
fail_write(const char *path, int code, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_WRITE, "cannot write %s: %s", path,
              g_strerror(code != 0 ? code : EIO));
  return FALSE;
}

static gboolean
write_stream(FILE *file, const GString *text)
{
  return fwrite(text->str, 1, text->len, file) == text->len && fflush(file) == 0;
}

/* gzip, without a name and a time: same profile, same bytes. NULL: there is no memory for it. */
static GString *
compress_text(const GString *text)
{
  z_stream stream = {0};
  g_autoptr(GString) packed = NULL;
  int result;

  if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return NULL;
  packed = g_string_sized_new(deflateBound(&stream, text->len));
  stream.next_in = (Bytef *)text->str;
  stream.avail_in = (uInt)text->len;
  stream.next_out = (Bytef *)packed->str;
  stream.avail_out = (uInt)packed->allocated_len;
  result = deflate(&stream, Z_FINISH);
  packed->len = stream.total_out;
  deflateEnd(&stream);
  return result == Z_STREAM_END ? g_steal_pointer(&packed) : NULL;
}

gboolean
profile_text_write(const Profile *profile, const char *path, GError **error)
{
  g_autoptr(GString) text = NULL, packed = NULL;
  g_autoptr(GError) cause = NULL;

  if (!profile_file_check(profile, path, error))
    return FALSE;
  if (!g_str_equal(path, "-") && !profile_file_may_replace(path, error))
    return FALSE;
  text = g_string_sized_new(4096 + profile->samples->len * 96);
  profile_text_append(profile, text);
  if (g_str_equal(path, "-"))
    return write_stream(stdout, text) || fail_write("standard output", errno, error);
  if (g_str_has_suffix(path, ".gz") && (packed = compress_text(text)) == NULL)
    return fail_write(path, ENOMEM, error);
  if (packed == NULL)
    packed = g_steal_pointer(&text);
  if (output_write(path, packed->str, (gssize)packed->len, &cause))
    return TRUE;
  g_set_error_literal(error, PROFILE_ERROR, PROFILE_ERROR_WRITE, cause->message);
  return FALSE;
}
