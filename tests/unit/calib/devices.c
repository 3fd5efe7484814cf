/* Device files: the shipped ones, hosts in them, and what is refused. */
#include "tests/unit/calib/shipped_fixture.h"

#include "calib/cost/roofline.h"
#include "calib/devices/doubts.h"
#include "calib/devices/host.h"
#include "sim/units.h"

#include <glib/gstdio.h>
#include <string.h>

static void
test_devices(void)
{
  for (guint i = 0; i < SHIPPED_DEVICES; i++) {
    g_autoptr(Device) device = shipped_device(shipped_device_names[i]);
    g_auto(GStrv) sources = device_sources(device);

    g_assert_cmpstr(device->name, ==, shipped_device_names[i]);
    g_assert_cmpuint(g_strv_length(sources), >=, 29);
    for (char **line = sources; *line != NULL; line++)
      g_assert_null(strstr(*line, "no source given"));
    g_assert_cmpfloat(device->hbm_bytes_per_s, >, device->pinned_h2d_bytes_per_s);
    g_assert_cmpfloat(device->pinned_h2d_bytes_per_s, >=, device->pageable_h2d_bytes_per_s);
  }
}

/* Against what is published: NVIDIA's data sheets (products dense, half of what they name with
 * sparsity), products of 8192^3 in bf16 on random data at 798 and 788 TFLOP/s, reads that reach
 * 85 to 95 % of the memory's nominal rate, pinned copies at 51 to 55 GB/s over PCIe 5 x16. */
static void
test_published(void)
{
  static const struct {
    const char *name;
    double memory, read, products, fp8_products, measured_products;
  } cards[] = {
      {"h100-sxm", 80e9, 3350e9, 1979e12 / 2, 3958e12 / 2, 798e12},
      {"h200", 141e9, 4800e9, 1979e12 / 2, 3958e12 / 2, 788e12},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cards); i++) {
    g_autoptr(Device) device = shipped_device(cards[i].name);
    double products = device->fp16_flops * device->gemm_compute_efficiency;

    g_assert_cmpfloat_with_epsilon(device->nominal_memory_bytes, cards[i].memory, 1);
    g_assert_cmpfloat(device->memory_bytes, <, 1.075 * cards[i].memory);
    g_assert_cmpfloat(device->memory_bytes, >, cards[i].memory);
    g_assert_cmpfloat_with_epsilon(device->hbm_bytes_per_s, cards[i].read, 1);
    g_assert_cmpfloat(device->multiprocessors, ==, 132);
    g_assert_cmpfloat_with_epsilon(device->fp16_flops, cards[i].products, 1e12);
    g_assert_cmpfloat_with_epsilon(device->fp8_flops, cards[i].fp8_products, 1e12);
    g_assert_cmpfloat_with_epsilon(products, cards[i].measured_products,
                                   0.05 * cards[i].measured_products);
    g_assert_cmpfloat(device->gemm_memory_efficiency, >=, 0.85);
    g_assert_cmpfloat(device->gemm_memory_efficiency, <=, 0.95);
    g_assert_cmpfloat(device->decode_efficiency, >=, 0.85);
    g_assert_cmpfloat(device->decode_efficiency, <=, 0.95);
    g_assert_cmpfloat(device->pinned_h2d_bytes_per_s, >=, 51e9);
    g_assert_cmpfloat(device->pinned_h2d_bytes_per_s, <=, 55e9);
    g_assert_cmpfloat(device->pinned_d2h_bytes_per_s, >=, 51e9);
    g_assert_cmpfloat(device->pinned_d2h_bytes_per_s, <=, 55e9);
  }
}

/* The text of a shipped device with `from` replaced by `to`. */
static Device *
read_changed(const char *from, const char *to, GError **error)
{
  g_autofree char *original = source_path("calib/devices", "h100-sxm", ".ini");
  g_autofree char *path = NULL;
  g_autofree char *text = NULL;
  int fd = g_file_open_tmp("spillway-device-XXXXXX.ini", &path, NULL);
  Device *device;

  g_assert_true(g_close(fd, NULL));
  g_assert_true(g_file_get_contents(original, &text, NULL, NULL));
  g_auto(GStrv) parts = g_strsplit(text, from, 2);
  g_assert_cmpuint(g_strv_length(parts), ==, 2);
  g_autofree char *changed = g_strjoinv(to, parts);
  g_assert_true(g_file_set_contents(path, changed, -1, NULL));
  device = device_read(path, "changed", error);
  g_assert_cmpint(g_remove(path), ==, 0);
  return device;
}

/* Figures that are within the ranges and no card's: none of what ships, each of these with a text.
 */
static void
test_doubts(void)
{
  static const struct {
    const char *from, *to, *expected;
  } cases[] = {
      {"\nhbm_bytes_per_s=3350e9\n", "\nhbm_bytes_per_s=3350e6\n",
       "hbm_bytes_per_s is 3.35 GB/s; cards have 50 to"},
      {"\nhbm_bytes_per_s=3350e9\n", "\nhbm_bytes_per_s=3350e12\n", "is its unit right?"},
      {"\nfp16_flops=989e12\n", "\nfp16_flops=989e9\n",
       "fp16_flops is 0.989 TFLOP/s; cards have 10 to"},
      {"\nfp16_flops=989e12\n", "\nfp16_flops=1979e12\n",
       "fp16_flops, 1979 TFLOP/s, would take a clock of 3.66 GHz: is it a rate with sparsity?"},
      {"\nfp8_flops=1979e12\n", "\nfp8_flops=3958e12\n",
       "fp8_flops, 3958 TFLOP/s, would take a clock of 3.66 GHz"},
      {"\nmemory_bytes=85029615042\n", "\nmemory_bytes=80e12\n",
       "memory_bytes, 80000 GB, is 1000 times"},
      {"\nnominal_memory_bytes=80e9\n", "\nnominal_memory_bytes=80e12\n",
       "nominal_memory_bytes is 80000 GB"},
      {"\nlaunch_us=3.3\n", "\nlaunch_us=3300\n", "launch_us is 3300 us"},
      {"\npinned_h2d_bytes_per_s=5.1e+10\n", "\npinned_h2d_bytes_per_s=51e12\n",
       "pinned_h2d_bytes_per_s is 51000 GB/s"},
      {"\ncompute_capability=9.0\n", "\ncompute_capability=8.6\n", "would take a clock"},
  };
  for (guint i = 0; i < SHIPPED_DEVICES; i++) {
    g_autoptr(Device) device = shipped_device(shipped_device_names[i]);
    g_auto(GStrv) doubts = device_doubts(device);
    g_assert_cmpstr(doubts[0], ==, NULL);
  }
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Device) device = read_changed(cases[i].from, cases[i].to, &error);
    g_auto(GStrv) doubts = NULL;
    g_autofree char *all = NULL;
    g_assert_no_error(error);
    doubts = device_doubts(device);
    all = g_strjoinv("\n", doubts);
    if (strstr(all, cases[i].expected) == NULL)
      g_error("%s is not in: %s", cases[i].expected, all);
  }
}

/* The groups of a host in a device's file are that machine's, and read as strictly. */
static void
test_host_of_device(void)
{
  static const struct {
    const char *groups, *expected; /* NULL: it is taken */
  } cases[] = {
      {"step_us=70\nsequence_us=1\neager_us=0\n", NULL},
      {"step_us=70\nsequence_us=1\neager_us=0x10\n", "found '0x10'"},
      {"step_us=70\nsequence_us=1\neager_us=0\nworks_us=3\n", "works_us: unknown key"},
      {"step_us=70\nsequence_us=1\n", "eager_us: found nothing"},
      {"step_us=70\nsequence_us=1\neager_us=0\nstep_least_us=70\nstep_most_us=70\n", NULL},
      {"step_us=70\nsequence_us=1\neager_us=0\nstep_least_us=90\nstep_most_us=80\n",
       "step_least_us: found '90', expected at most step_most_us, 80"},
      {"step_us=70\nsequence_us=1\neager_us=0\nstep_least_us=71\nstep_most_us=80\n",
       "step_us: found '70', expected 71 to 80, as step_least_us and step_most_us say"},
      {"step_us=70\nsequence_us=1\neager_us=0\neager_least_us=0\n",
       "eager_most_us: found nothing, expected a number, since eager_least_us is given"},
  };
  g_autoptr(Device) plain = shipped_device("h100-sxm");

  g_assert_null(host_of_device(plain, NULL));
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    GString *changed = g_string_new(NULL);
    g_autoptr(Host) host = NULL;
    static const char *const schedulers[] = {"vllm-v1", "vllm-0.6", "vllm-0.5"};
    for (guint s = 0; s < G_N_ELEMENTS(schedulers); s++)
      g_string_append_printf(changed, "[host.%s]\n%s", schedulers[s], cases[i].groups);
    g_string_append(changed, "[copy]");
    g_autofree char *text = g_string_free(changed, FALSE);
    g_autoptr(Device) device = read_changed("[copy]", text, &error);
    g_assert_no_error(error);
    host = host_of_device(device, &error);
    g_assert_cmpint(host != NULL, ==, cases[i].expected == NULL);
    if (host != NULL)
      g_assert_cmpfloat(host->costs[HOST_VLLM_0_6].step_ps, ==, 70e6);
    else
      g_assert_nonnull(strstr(error->message, cases[i].expected));
  }
}

/* NVFP4 by NVFP4, us, in AIConfigurator's tables of engines that the devices' figures are not of:
 * TensorRT-LLM 1.3, and of B200 SGLang 0.5.14 beside it. A card before Blackwell widens them. */
static void
test_nvfp4(void)
{
  static const struct {
    const char *device;
    guint64 m, n;
    double us;
  } rows[] = {
      {"b200", 64, 8192, 13.3},          {"b200", 1, 16384, 34.8},
      {"b200", 1024, 16384, 148.7},      {"b200", 8192, 8192, 284.6},
      {"b200", 8192, 16384, 1380.5},     {"rtx-pro-6000", 1, 8192, 50.8},
      {"rtx-pro-6000", 1, 16384, 166.8}, {"rtx-pro-6000", 1024, 8192, 114.1},
      {"rtx-pro-6000", 8192, 8192, 865}, {"rtx-pro-6000", 8192, 16384, 3065.1},
  };
  const WeightFormat nvfp4 = {
      .name = "nvfp4", .bits = 4, .group_rows = 1, .group_columns = 16, .scale_bits = 8};
  const WeightFormat weights = {
      .name = "nvfp4a16", .bits = 4, .group_rows = 1, .group_columns = 16, .scale_bits = 8};
  const WhatIf neutral = WHAT_IF_NONE;
  g_autoptr(Device) h100 = shipped_device("h100-sxm");

  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(Device) device = shipped_device(rows[i].device);
    guint64 m = rows[i].m, n = rows[i].n;
    double us = (double)roofline_gemm_ps(device, &neutral, m, n, n, &nvfp4) / PS_PER_US;
    double ratio = us / rows[i].us;

    g_test_message("%s, %" G_GUINT64_FORMAT " rows of %" G_GUINT64_FORMAT ": %.1f us, %+.0f %%",
                   rows[i].device, m, n, us, 100 * (ratio - 1));
    g_assert_cmpfloat(ratio, >, 0.7);
    g_assert_cmpfloat(ratio, <, 1.3);
    if (m >= 1024)
      g_assert_cmpint(roofline_gemm_ps(device, &neutral, m, n, n, &weights), >,
                      (gint64)(1.8 * us * PS_PER_US));
    g_assert_cmpint(roofline_gemm_ps(h100, &neutral, m, n, n, &weights), ==,
                    roofline_gemm_ps(h100, &neutral, m, n, n, &nvfp4));
  }
}

/* A message names the line that counts, in a file with comments, spaces and a key in two groups. */
static void
test_lines(void)
{
  static const char *const ranges[] = {"step", "sequence", "eager", "piece", "launch", "api_token"};
  static const char text[] = "# a host\n[host]\nformat=1\n\n[host.vllm-v1]\nstep_us = 5\n"
                             "step_us.source=x\nsequence_us=1\neager_us=1\n[host.vllm-0.6]\n"
                             "step_us=1\nsequence_us=1\neager_us=1\n[host.vllm-0.5]\nstep_us=1\n"
                             "sequence_us=1\neager_us=1\n%s_least_us=0\n%s_most_us = 1\n"
                             "%s_least_us = 2\n%s";
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp("spillway-host-XXXXXX.ini", &path, NULL);

  g_assert_true(g_close(fd, NULL));
  for (guint i = 0; i < G_N_ELEMENTS(ranges); i++) {
    g_autofree char *figure = g_strdup_printf("%s_us=1\n", ranges[i]);
    g_autofree char *host =
        g_strdup_printf(text, ranges[i], ranges[i], ranges[i], i < 3 ? "" : figure);
    g_autofree char *expected = g_strdup_printf(
        "%s:20: [host.vllm-0.5] %s_least_us: found '2', expected at most %s_most_us, 1", path,
        ranges[i], ranges[i]);
    g_autoptr(GError) error = NULL;
    g_assert_true(g_file_set_contents(path, host, -1, NULL));
    g_assert_null(host_read(path, "x", &error));
    g_assert_cmpstr(error->message, ==, expected);
  }
  g_assert_cmpint(g_remove(path), ==, 0);
}

static void
test_bad_devices(void)
{
  static const struct {
    const char *from, *to, *expected;
  } cases[] = {
      {"format=1", "format=2", "found '2', this program reads 1"},
      {"format=1", "format=", "found ''"},
      {"format=1\n", "", "[device] format: found nothing"},
      {"[device]", "", "expected the [device]"},
      {"\nmemory_bytes=", "\nmemory=", "[device] memory: unknown key"},
      {"hbm_bytes_per_s=3350e9", "hbm_bytes_per_s=nan", "hbm_bytes_per_s: found 'nan'"},
      {"hbm_bytes_per_s=3350e9", "hbm_bytes_per_s=1e999", "found '1e999'"},
      {"hbm_bytes_per_s=3350e9", "hbm_bytes_per_s=-3e12", "found '-3e12'"},
      {"hbm_bytes_per_s=3350e9", "hbm_bytes_per_s=3.35 TB/s", "found '3.35 TB/s'"},
      {"hbm_bytes_per_s=3350e9", "hbm_bytes_per_s=0", "expected a number from 1e+06"},
      {"hbm_bytes_per_s=3350e9\n", "", "hbm_bytes_per_s: found nothing"},
      {"prefill_efficiency=0.62", "prefill_efficiency=62", "a number from 0.01 to 1"},
      {"gemm_fp8_compute_efficiency=0.57\n", "", "since fp8_flops is given"},
      {"\nfp8_flops=", "\nfp4_flops=9e15\nfp8_flops=", "since fp4_flops is given"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GError) error = NULL;
    g_autoptr(Device) device = read_changed(cases[i].from, cases[i].to, &error);

    g_assert_null(device);
    g_assert_nonnull(error);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, cases[i].expected));
  }
  g_autoptr(GError) error = NULL;
  g_assert_null(device_read("no/such.ini", "x", &error));
  g_assert_error(error, DEVICE_ERROR, DEVICE_ERROR_OPEN);
}

int
main(int argc, char **argv)
{
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/devices/shipped", test_devices);
  g_test_add_func("/devices/published", test_published);
  g_test_add_func("/devices/nvfp4", test_nvfp4);
  g_test_add_func("/devices/lines", test_lines);
  g_test_add_func("/devices/bad", test_bad_devices);
  g_test_add_func("/devices/doubts", test_doubts);
  g_test_add_func("/devices/host", test_host_of_device);
  return g_test_run();
}
