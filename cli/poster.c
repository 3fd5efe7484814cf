/* The verb `study`: published studies that the program repeats. */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>

#include "cli.h"
#include "gpu.h"
#include "poster.h"
#include "sub_verb.h"

#define VERB "study poster"
#define DEVICE "a100-40gb"
#define MODEL "yarn-llama-2-7b-64k"
#define GQA_MODEL "llama-3.1-8b"

static int command_study_poster(int argc, char **argv);

static const Command kinds[] = {
    {"poster", "recompute or swap when the KV cache overflows (SC 2024)", command_study_poster},
    {NULL, NULL, NULL},
};

int
command_study(int argc, char **argv)
{
  static const VerbFamily family = {
      .verb = "study",
      .kinds = kinds,
      .expected = "poster",
      .summary = "Repeats a published study: its figures, and its findings judged.",
      .examples = "  spillway study poster -o poster\n"
                  "  spillway study poster --device h100-sxm -o poster-h100\n",
  };

  return verb_family_run(&family, argc, argv);
}

static void
free_data(gpointer data)
{
  poster_data_free(data);
}

static void
poster_clear(Poster *poster)
{
  poster_findings_free(poster->findings);
  poster_data_free(poster->study);
  g_clear_pointer(&poster->engines, g_ptr_array_unref);
  g_clear_pointer(&poster->changes, g_ptr_array_unref);
  shelf_free(poster->shelf);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Poster, poster_clear)

static GPtrArray *
measure_all(const PosterSetting *settings, guint n, Shelf *shelf, GError **error)
{
  g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_data);

  for (guint i = 0; i < n; i++) {
    PosterData *data = poster_measure(&settings[i], shelf, error);
    if (data == NULL) {
      g_prefix_error(error, "%s: ", settings[i].title);
      return NULL;
    }
    g_ptr_array_add(all, data);
  }
  return g_steal_pointer(&all);
}

/* vLLM 0.5.3 to 0.6.3 chunk prefills by themselves when max_model_len exceeds 32768, which this
 * model's does; the poster tells neither version nor length. */
static GPtrArray *
measure_engines(const char *device, Shelf *shelf, GError **error)
{
  PosterSetting settings[] = {
      {.title = "vllm-0.5", .scheduler = "vllm-0.5"},
      {.title = "vllm-0.5, chunked prefill", .scheduler = "vllm-0.5", .chunked = TRUE},
      {.title = "vllm-0.6", .scheduler = "vllm-0.6"},
      {.title = "vllm-0.6, chunked prefill", .scheduler = "vllm-0.6", .chunked = TRUE},
  };

  for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
    settings[i].device = device;
    settings[i].model = MODEL;
    settings[i].copy_path = "per-layer";
  }
  return measure_all(settings, G_N_ELEMENTS(settings), shelf, error);
}

/* One thing changed at a time, then all of them. `device` is NULL for the one that was asked for.
 */
static GPtrArray *
measure_changes(const char *device, Shelf *shelf, GError **error)
{
  PosterSetting settings[] = {
      {.title = "as in the study", .copy_path = "per-layer"},
      {.title = "copies submitted as one (batched)", .copy_path = "batched"},
      {.title = "a block's layers lie together (merged layout)", .copy_path = "per-block"},
      {.title = "copies hidden behind compute, wholly (a bound)",
       .copy_path = "per-layer",
       .what_if = "h2d=0,d2h=0,copy-launch=0"},
      {.title = "GQA: " GQA_MODEL ", a quarter of the KV a token",
       .model = GQA_MODEL,
       .copy_path = "per-layer"},
      {.title = "H100, PCIe 5", .device = "h100-sxm", .copy_path = "per-layer"},
      {.title = "H100, PCIe 5, merged layout", .device = "h100-sxm", .copy_path = "per-block"},
      {.title = "GH200, link to the CPU", .device = "gh200", .copy_path = "per-layer"},
      {.title = "GH200, merged layout", .device = "gh200", .copy_path = "per-block"},
      {.title = "today: H100, " GQA_MODEL ", vllm-v1, merged layout",
       .device = "h100-sxm",
       .model = GQA_MODEL,
       .scheduler = "vllm-v1",
       .copy_path = "per-block"},
  };

  for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
    settings[i].device = settings[i].device != NULL ? settings[i].device : device;
    settings[i].model = settings[i].model != NULL ? settings[i].model : MODEL;
    settings[i].scheduler = settings[i].scheduler != NULL ? settings[i].scheduler : "vllm-0.6";
  }
  return measure_all(settings, G_N_ELEMENTS(settings), shelf, error);
}

static gboolean
poster_make(Poster *poster, const char *device, GError **error)
{
  const PosterSetting study = {.title = "the study",
                               .device = device,
                               .model = MODEL,
                               .scheduler = "vllm-0.6",
                               .copy_path = "per-layer"};

  poster->shelf = shelf_new();
  poster->study = poster_measure(&study, poster->shelf, error);
  if (poster->study == NULL)
    return FALSE;
  poster->findings = poster_judge(poster->study);
  poster->engines = measure_engines(device, poster->shelf, error);
  poster->changes = poster->engines != NULL ? measure_changes(device, poster->shelf, error) : NULL;
  return poster->changes != NULL;
}

static gboolean
write_text(const char *folder, const char *name, const char *text, GError **error)
{
  g_autofree char *path = g_build_filename(folder, name, NULL);

  return g_file_set_contents(path, text, -1, error);
}

static gboolean
write_findings(const Poster *poster, const char *folder, GError **error)
{
  g_autofree char *markdown = poster_markdown(poster);
  json_t *root = poster_json(poster);
  char *dump = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  g_autofree char *text = g_strconcat(dump, "\n", NULL);
  gboolean worked = write_text(folder, "findings.md", markdown, error) &&
                    write_text(folder, "findings.json", text, error);

  free(dump);
  json_decref(root);
  return worked;
}

static int
study_poster(const char *device, const char *folder)
{
  g_auto(Poster) poster = {0};
  g_autoptr(GError) error = NULL;
  g_autofree char *summary = NULL;

  if (!poster_make(&poster, device, &error))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  if (g_mkdir_with_parents(folder, 0777) != 0)
    return cli_error(CLI_USAGE, VERB, "-o: %s cannot be made: %s; name another folder", folder,
                     g_strerror(errno));
  if (!write_findings(&poster, folder, &error) || !poster_write_data(&poster, folder, &error))
    return cli_error(CLI_USAGE, VERB, "%s", error->message);
  summary = poster_summary(&poster);
  fputs(summary, stdout);
  if (!poster_draw(&poster, folder, &error))
    return cli_error(CLI_FAILED, VERB, "%s", error->message);
  printf("\nFigures, data and findings.md with the numbers: %s\n", folder);
  return CLI_DONE;
}

/* The words as spillway-gpu takes them. */
static int
study_poster_live(const char *device, const char *folder)
{
  const char *words[] = {
      "study", "poster", "--live", "-o", folder, device != NULL ? "--device" : NULL, device, NULL};

  return gpu_run((char **)words);
}

static int
command_study_poster(int argc, char **argv)
{
  g_autofree char *device = NULL, *folder = NULL;
  gboolean live = FALSE;
  const GOptionEntry entries[] = {
      {"device", 0, 0, G_OPTION_ARG_STRING, &device,
       "a shipped device or profile, or the file of one (" DEVICE ", the study's own)", "NAME"},
      {"live", 0, 0, G_OPTION_ARG_NONE, &live, "run it on this machine's GPU instead", NULL},
      {"out", 'o', 0, G_OPTION_ARG_FILENAME, &folder, "where the files go; it is made", "FOLDER"},
      {NULL, 0, 0, 0, NULL, NULL, NULL},
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  int status = CLI_DONE;

  g_option_context_set_summary(
      context,
      "Repeats the poster \"Uncover the Overhead and Resource Usage for Handling KV Cache "
      "Overflow\n"
      "in LLM Inference\" (SC 2024): its figures 2 to 5 (SVG, PNG, CSV, gnuplot), and its nine\n"
      "findings, each judged: holds, does not hold, cannot be told (findings.md, findings.json).\n"
      "Then what today's copy paths, models and devices change. Figures need gnuplot.");
  g_option_context_set_description(context,
                                   "Examples:\n"
                                   "  spillway study poster -o poster\n"
                                   "  spillway study poster --device h100-sxm -o poster-h100\n"
                                   "  spillway study poster --device a100.db -o poster-measured\n");
  g_option_context_add_main_entries(context, entries, NULL);
  if (!cli_parse(context, VERB, entries, &argc, &argv, &status))
    return status;
  if (argc > 1)
    return cli_error(CLI_USAGE, VERB, "found '%s', expected only options", argv[1]);
  if (folder == NULL || *folder == '\0')
    return cli_error(CLI_USAGE, VERB, "-o: found nothing, expected a folder for the files");
  return live ? study_poster_live(device, folder)
              : study_poster(device != NULL ? device : DEVICE, folder);
}
