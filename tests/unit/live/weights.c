/* Checkpoints of real models' sizes: sparse files with whole headers, checked, and read at places
 * that were marked, without a copy of anything on the way. */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "live/weights/weights.h"
#include "models/decoder_config.h"

static const char *const model_names[] = {"llama-3-8b", "llama-3.2-1b", "mistral-7b",
                                          "qwen2.5-7b", "qwen3-8b",     "yarn-llama-2-7b-64k"};
static const float marks[] = {1.5f, -0.25f};

static DecoderConfig *
open_config(const char *folder, const char *name)
{
  g_autofree char *file = g_strdup_printf("%s.json", name);
  g_autofree char *path = g_test_build_filename(G_TEST_DIST, folder, file, NULL);
  g_autoptr(GError) error = NULL;
  DecoderConfig *config = decoder_config_read(path, name, &error);

  g_assert_no_error(error);
  return config;
}

static guint64
elements_of(const WeightTensor *tensor)
{
  return tensor->rows * tensor->columns;
}

/* bf16 values at the first and the last place of each tensor; holes between. */
static void
write_marks(int fd, const WeightTensor *tensor, guint64 first_byte)
{
  const guint64 places[] = {0, elements_of(tensor) - 1};

  for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
    guint32 bits;
    guchar bytes[2];
    memcpy(&bits, &marks[i], sizeof bits);
    bytes[0] = bits >> 16 & 0xff;
    bytes[1] = bits >> 24;
    g_assert_cmpint(pwrite(fd, bytes, sizeof bytes, (off_t)(first_byte + 2 * places[i])), ==, 2);
  }
}

static void
write_checkpoint(const char *path, const WeightLayout *layout)
{
  g_autoptr(GString) header = g_string_new("{");
  guint64 offset = 0, data;
  guchar length[8];
  int fd = g_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

  g_assert_cmpint(fd, >=, 0);
  for (guint i = 0; i < layout->tensors->len; i++) {
    const WeightTensor *t = &g_array_index(layout->tensors, WeightTensor, i);
    g_autofree char *shape =
        t->is_vector
            ? g_strdup_printf("%" G_GUINT64_FORMAT, t->columns)
            : g_strdup_printf("%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT, t->rows, t->columns);
    guint64 end = offset + 2 * elements_of(t);
    g_string_append_printf(header,
                           "%s\"%s\":{\"dtype\":\"BF16\",\"shape\":[%s],\"data_offsets\":"
                           "[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]}",
                           i > 0 ? "," : "", t->name, shape, offset, end);
    offset = end;
  }
  g_string_append_c(header, '}');
  for (guint i = 0; i < sizeof length; i++)
    length[i] = header->len >> 8 * i & 0xff;
  g_assert_cmpint(pwrite(fd, length, sizeof length, 0), ==, sizeof length);
  g_assert_cmpint(pwrite(fd, header->str, header->len, sizeof length), ==, header->len);
  data = sizeof length + header->len;
  g_assert_cmpint(ftruncate(fd, (off_t)(data + offset)), ==, 0);
  offset = data;
  for (guint i = 0; i < layout->tensors->len; i++) {
    const WeightTensor *t = &g_array_index(layout->tensors, WeightTensor, i);
    write_marks(fd, t, offset);
    offset += 2 * elements_of(t);
  }
  close(fd);
}

static void
check_marks(WeightSource *source, const WeightTensor *tensor)
{
  const guint64 places[] = {0, elements_of(tensor) - 1};
  g_autoptr(GError) error = NULL;
  float values[3];

  for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
    guint64 first = i == 0 ? 0 : places[1] - 2;
    g_assert_true(weight_source_read(source, tensor, first, 3, values, &error));
    g_assert_no_error(error);
    g_assert_cmpfloat(values[i == 0 ? 0 : 2], ==, marks[i]);
    g_assert_cmpfloat(values[1], ==, 0);
  }
}

static void
test_real_sizes(void)
{
  g_autofree char *folder = g_dir_make_tmp("weights-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(folder, "model.safetensors", NULL);

  for (guint i = 0; i < G_N_ELEMENTS(model_names); i++) {
    g_autoptr(DecoderConfig) config = open_config("../models", model_names[i]);
    g_autoptr(WeightLayout) layout = weight_layout_new(config->model);
    g_autoptr(WeightSource) source = NULL;
    g_autoptr(GError) error = NULL;
    write_checkpoint(path, layout);
    source = weights_safetensors_open(folder, layout, &error);
    g_assert_no_error(error);
    g_assert_nonnull(source);
    for (guint t = 0; t < layout->tensors->len; t++)
      check_marks(source, &g_array_index(layout->tensors, WeightTensor, t));
    g_assert_cmpint(g_unlink(path), ==, 0);
  }
  g_assert_cmpint(g_rmdir(folder), ==, 0);
}

/* What is made up does not depend on how it is read. */
static void
test_ranges(void)
{
  g_autoptr(WeightSource) source = weights_random_new(9);
  const WeightTensor tensors[] = {{.name = (char *)"a", .rows = 7, .columns = 13},
                                  {.name = (char *)"b", .rows = 1, .columns = 91, .is_norm = TRUE}};

  for (guint i = 0; i < G_N_ELEMENTS(tensors); i++) {
    float all[91], part[91];
    g_assert_true(weight_source_read(source, &tensors[i], 0, 91, all, NULL));
    for (guint first = 0; first < 91; first++)
      for (guint n = 1; n <= 91 - first; n += 7) {
        g_assert_true(weight_source_read(source, &tensors[i], first, n, part, NULL));
        g_assert_cmpmem(part, n * sizeof *part, all + first, n * sizeof *all);
      }
  }
}

/* Products read matrices that begin where cuBLASLt expects it, also behind norms and biases of fewer
 * elements. */
static void
test_alignment(void)
{
  static const char *const names[] = {"tiny-llama", "tiny-qwen2", "tiny-gpu-qwen3"};
  guint short_vectors = 0;

  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autoptr(DecoderConfig) config = open_config("models", names[i]);
    g_autoptr(WeightLayout) layout = weight_layout_new(config->model);
    const gsize of_model[] = {layout->embedding, layout->final_norm, layout->head};
    for (guint k = 0; k < G_N_ELEMENTS(of_model); k++)
      g_assert_cmpuint(of_model[k] * 2 % 256, ==, 0);
    for (guint l = 0; l < layout->layers->len; l++) {
      const LayerWeights *w = &g_array_index(layout->layers, LayerWeights, l);
      const gsize offsets[] = {w->input_norm, w->qkv,       w->qkv_bias, w->q_norm, w->k_norm,
                               w->output,     w->post_norm, w->gate_up,  w->down};
      for (guint k = 0; k < G_N_ELEMENTS(offsets); k++)
        g_assert_cmpuint(offsets[k] * 2 % 256, ==, 0);
    }
    for (guint t = 0; t < layout->tensors->len; t++)
      short_vectors += g_array_index(layout->tensors, WeightTensor, t).columns % 128 != 0;
  }
  g_assert_cmpuint(short_vectors, >, 0);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/weights/real-sizes", test_real_sizes);
  g_test_add_func("/weights/ranges", test_ranges);
  g_test_add_func("/weights/alignment", test_alignment);
  return g_test_run();
}
