#include "config.h"

#include "safetensors.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "live/float16.h"
#include "weights.h"

#define MAX_HEADER_BYTES (100 * 1024 * 1024)
enum { CHUNK_BYTES = 1 << 16 };

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

struct Safetensors {
  char *path;
  FILE *file;
  guint64 data_first_byte, num_bytes;
  GHashTable *tensors; /* name → SafetensorsTensor */
};

static gboolean fail(const Safetensors *file, GError **error, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static gboolean
fail(const Safetensors *file, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start(args, format);
  text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, WEIGHTS_ERROR, WEIGHTS_ERROR_INPUT, "%s: %s", file->path, text);
  return FALSE;
}

static void
tensor_free(gpointer data)
{
  SafetensorsTensor *tensor = data;

  g_free(tensor->type_name);
  g_free(tensor);
}

static TensorType
type_from_name(const char *name, guint *bytes)
{
  static const struct {
    const char *name;
    TensorType type;
    guint bytes;
  } types[] = {
      {"F32", TENSOR_F32, 4},    {"F16", TENSOR_F16, 2},   {"BF16", TENSOR_BF16, 2},
      {"F64", TENSOR_OTHER, 8},  {"I64", TENSOR_OTHER, 8}, {"I32", TENSOR_OTHER, 4},
      {"I16", TENSOR_OTHER, 2},  {"I8", TENSOR_OTHER, 1},  {"U8", TENSOR_OTHER, 1},
      {"BOOL", TENSOR_OTHER, 1},
  };

  *bytes = 0;
  for (guint i = 0; i < G_N_ELEMENTS(types); i++)
    if (g_str_equal(types[i].name, name)) {
      *bytes = types[i].bytes;
      return types[i].type;
    }
  return TENSOR_OTHER;
}

/* FALSE where a dimension is no count, or the product is beyond all files. */
static gboolean
read_shape(const json_t *shape, SafetensorsTensor *tensor, guint64 *elements)
{
  *elements = 1;
  tensor->shape[0] = tensor->shape[1] = 1;
  tensor->dimensions = (guint)json_array_size(shape);
  for (guint i = 0; i < tensor->dimensions; i++) {
    const json_t *item = json_array_get(shape, i);
    guint64 extent = (guint64)json_integer_value(item);
    if (!json_is_integer(item) || json_integer_value(item) < 0 ||
        (extent > 0 && *elements > G_MAXINT64 / 16 / extent))
      return FALSE;
    *elements *= extent;
    if (i < 2)
      tensor->shape[i] = extent;
  }
  return json_is_array(shape);
}

static gboolean
add_tensor(Safetensors *file, const char *name, const json_t *object, GError **error)
{
  const json_t *offsets = json_object_get(object, "data_offsets");
  const char *type_name = json_string_value(json_object_get(object, "dtype"));
  json_int_t first = json_integer_value(json_array_get(offsets, 0));
  json_int_t end = json_integer_value(json_array_get(offsets, 1));
  SafetensorsTensor *tensor;
  guint64 elements = 0;
  guint bytes;

  if (type_name == NULL)
    return fail(file, error, "%.80s: found no dtype, expected one such as \"BF16\"", name);
  tensor = g_new0(SafetensorsTensor, 1);
  tensor->type_name = g_strdup(type_name);
  g_hash_table_replace(file->tensors, g_strdup(name), tensor);
  tensor->type = type_from_name(type_name, &bytes);
  if (!read_shape(json_object_get(object, "shape"), tensor, &elements))
    return fail(file, error, "%.80s: found no shape that can be used, expected a list of counts",
                name);
  if (json_array_size(offsets) != 2 || first < 0 || end < first ||
      (guint64)end > file->num_bytes - file->data_first_byte)
    return fail(file, error,
                "%.80s: its data_offsets are not within the file, which has %" G_GUINT64_FORMAT
                " bytes; was it cut short?",
                name, file->num_bytes);
  tensor->first_byte = file->data_first_byte + (guint64)first;
  tensor->num_bytes = (guint64)(end - first);
  if (bytes > 0 && elements * bytes != tensor->num_bytes)
    return fail(file, error,
                "%.80s: found %" G_GUINT64_FORMAT " bytes, expected %" G_GUINT64_FORMAT
                " for its shape and %s",
                name, tensor->num_bytes, elements * bytes, type_name);
  return TRUE;
}

static gboolean
read_header(Safetensors *file, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr(json_t) root = NULL;
  guint64 length = 0;
  guchar bytes[8];
  json_error_t at;
  const char *name;
  json_t *object;

  if (fread(bytes, 1, sizeof bytes, file->file) != sizeof bytes)
    return fail(file, error, "found %" G_GUINT64_FORMAT " bytes, expected a safetensors file",
                file->num_bytes);
  for (guint i = sizeof bytes; i-- > 0;)
    length = length << 8 | bytes[i];
  if (length > MAX_HEADER_BYTES || length > file->num_bytes - sizeof bytes)
    return fail(file, error,
                "its header would have %" G_GUINT64_FORMAT " of the file's %" G_GUINT64_FORMAT
                " bytes; is it a safetensors file, whole?",
                length, file->num_bytes);
  file->data_first_byte = sizeof bytes + length;
  text = g_malloc(length + 1);
  if (fread(text, 1, length, file->file) != length)
    return fail(file, error, "its header cannot be read");
  root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &at);
  if (!json_is_object(root))
    return fail(file, error, "its header is no JSON object (line %d, column %d: %s)", at.line,
                at.column, root != NULL ? "another value" : at.text);
  json_object_foreach(root, name, object)
  {
    if (!g_str_equal(name, "__metadata__") && !add_tensor(file, name, object, error))
      return FALSE;
  }
  return TRUE;
}

static int
compare_places(gconstpointer a, gconstpointer b)
{
  const SafetensorsTensor *x = *(const SafetensorsTensor *const *)a;
  const SafetensorsTensor *y = *(const SafetensorsTensor *const *)b;

  if (x->first_byte != y->first_byte)
    return x->first_byte < y->first_byte ? -1 : 1;
  return x->num_bytes < y->num_bytes ? -1 : x->num_bytes > y->num_bytes;
}

/* The format's rule: the tensors fill the data, each byte is one's. What overlaps, or leaves a gap,
 * would be read as other weights. */
static gboolean
check_places(const Safetensors *file, GError **error)
{
  g_autoptr(GPtrArray) tensors = g_ptr_array_new();
  guint64 at = file->data_first_byte;
  GHashTableIter iter;
  gpointer tensor;

  g_hash_table_iter_init(&iter, file->tensors);
  while (g_hash_table_iter_next(&iter, NULL, &tensor))
    g_ptr_array_add(tensors, tensor);
  g_ptr_array_sort(tensors, compare_places);
  for (guint i = 0; i < tensors->len; i++) {
    const SafetensorsTensor *one = g_ptr_array_index(tensors, i);
    if (one->first_byte != at)
      return fail(file, error,
                  "its data_offsets %s at byte %" G_GUINT64_FORMAT " of the data, expected tensors "
                  "that follow each other",
                  one->first_byte < at ? "overlap" : "leave a gap",
                  MIN(one->first_byte, at) - file->data_first_byte);
    at += one->num_bytes;
  }
  return at == file->num_bytes ||
         fail(file, error,
              "%" G_GUINT64_FORMAT " bytes follow its last tensor, expected the file's end",
              file->num_bytes - at);
}

Safetensors *
safetensors_open(const char *path, GError **error)
{
  g_autoptr(Safetensors) file = g_new0(Safetensors, 1);
  struct stat status;

  file->path = g_strdup(path);
  file->tensors = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, tensor_free);
  file->file = fopen(path, "rb");
  if (file->file == NULL || fstat(fileno(file->file), &status) != 0 || !S_ISREG(status.st_mode)) {
    fail(file, error, "cannot be read: %s",
         file->file == NULL ? g_strerror(errno) : "it is no file");
    return NULL;
  }
  file->num_bytes = (guint64)status.st_size;
  return read_header(file, error) && check_places(file, error) ? g_steal_pointer(&file) : NULL;
}

void
safetensors_free(Safetensors *file)
{
  if (file == NULL)
    return;
  if (file->file != NULL)
    fclose(file->file);
  g_hash_table_unref(file->tensors);
  g_free(file->path);
  g_free(file);
}

const char *
safetensors_path(const Safetensors *file)
{
  return file->path;
}

const SafetensorsTensor *
safetensors_find(const Safetensors *file, const char *name)
{
  return g_hash_table_lookup(file->tensors, name);
}

static float
float_from_bits(guint32 bits)
{
  float value;

  memcpy(&value, &bits, sizeof value);
  return value;
}

static guint16
little_16(const guchar *bytes)
{
  return (guint16)(bytes[0] | bytes[1] << 8);
}

static void
convert(TensorType type, const guchar *bytes, gsize n, float *values)
{
  for (gsize i = 0; i < n; i++) {
    if (type == TENSOR_F32)
      values[i] =
          float_from_bits(little_16(bytes + 4 * i) | (guint32)little_16(bytes + 4 * i + 2) << 16);
    else if (type == TENSOR_BF16)
      values[i] = float16_to_float(DTYPE_BF16, little_16(bytes + 2 * i));
    else
      values[i] = float16_to_float(DTYPE_FP16, little_16(bytes + 2 * i));
  }
}

/* Each thread at its own place: no position is shared. */
gboolean
safetensors_read(const Safetensors *file, const SafetensorsTensor *tensor, guint64 first, gsize n,
                 float *values, GError **error)
{
  guint element_bytes = tensor->type == TENSOR_F32 ? 4 : 2;
  guint64 place = tensor->first_byte + first * element_bytes;
  gsize done = 0;

  while (done < n) {
    guchar chunk[CHUNK_BYTES];
    gsize want = MIN(sizeof chunk, (n - done) * element_bytes);
    gssize got = pread(fileno(file->file), chunk, want, (off_t)place);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return fail(file, error, "cannot be read: %s", g_strerror(errno));
    if (got < (gssize)element_bytes)
      return fail(file, error, "ends within a tensor");
    got -= got % (gssize)element_bytes;
    convert(tensor->type, chunk, (gsize)got / element_bytes, values + done);
    done += (gsize)got / element_bytes;
    place += (guint64)got;
  }
  return TRUE;
}
