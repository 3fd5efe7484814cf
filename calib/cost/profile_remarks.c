#include "profile_remarks.h"

#include "calib/profile_kernels.h"
#include "dtype.h"
#include "launch_spared.h"
#include "mixer_table.h"
#include "moe_fit.h"
#include "state_fit.h"
#include "sim/units.h"

#include <string.h>

/* One thing that a step asks the tables for. */
typedef struct {
  const char *what;
  OperationKind kind;
  const char *variant, *asked;
} Asked;

/* The dtypes of an operation and variant, "bfloat16, fp8_block"; NULL: it has no samples. */
static char *
dtypes_there(const Profile *profile, const Asked *asked)
{
  g_autoptr(GPtrArray) names = g_ptr_array_new();
  guint n;
  const ProfileSample *samples = profile_samples(profile, asked->kind, &n);

  for (guint i = 0; i < n; i++)
    if (g_str_equal(samples[i].variant, asked->variant) &&
        !g_ptr_array_find_with_equal_func(names, samples[i].dtype, g_str_equal, NULL))
      g_ptr_array_add(names, (gpointer)samples[i].dtype);
  if (names->len == 0)
    return NULL;
  g_ptr_array_add(names, NULL);
  return g_strjoinv(", ", (char **)names->pdata);
}

static void
append_name(GString *names, const char *what)
{
  if (strstr(names->str, what) == NULL)
    g_string_append_printf(names, "%s%s", names->len > 0 ? ", " : "", what);
}

/* "Measured in DTYPE, …", for the caller to free. */
static char *
measured_in(const char *dtype, const char *asked)
{
  return dtype_is_stand_in(dtype, asked)
             ? g_strdup_printf("Measured in %s, which stands in for %s (as wide, and at the same "
                               "rate)",
                               dtype, asked)
             : g_strdup_printf("Measured in %s, as tables call %s", dtype, asked);
}

/* All of `asked` that one dtype serves in place of another make one sentence. */
static void
add_stand_ins(GPtrArray *remarks, const Profile *profile, const Asked *asked, guint n)
{
  g_autofree gboolean *told = g_new0(gboolean, n);

  for (guint i = 0; i < n; i++) {
    const char *dtype = dtype_serving(profile, asked[i].kind, asked[i].variant, asked[i].asked);
    g_autoptr(GString) names = g_string_new(NULL);
    g_autofree char *measured = NULL;
    if (told[i] || dtype == NULL || *dtype == '\0' || g_str_equal(dtype, asked[i].asked))
      continue;
    for (guint j = i; j < n; j++)
      if (g_str_equal(asked[j].asked, asked[i].asked) &&
          g_strcmp0(dtype_serving(profile, asked[j].kind, asked[j].variant, asked[j].asked),
                    dtype) == 0) {
        told[j] = TRUE;
        append_name(names, asked[j].what);
      }
    measured = measured_in(dtype, asked[i].asked);
    g_ptr_array_add(remarks, g_strdup_printf("%s: %s.", measured, names->str));
  }
}

/* A name for a layer's mixer in a message about missing tables; NULL for none. */
static char *
mixer_words(const Mixer *mixer)
{
  static const char *const names[] = {
      [MIXER_FULL] = "attention to the whole context",
      [MIXER_CHUNKED] = "attention in chunks",
      [MIXER_LATENT] = "latent attention",
      [MIXER_SPARSE] = "sparse attention",
      [MIXER_COMPRESSED] = "compressed attention",
      [MIXER_RECURRENT] = "layers with a state",
  };

  if (mixer->kind == MIXER_SLIDING)
    return g_strdup_printf("attention to the last %u tokens", mixer->window);
  return mixer->kind == MIXER_NONE ? NULL : g_strdup(names[mixer->kind]);
}

static gboolean
has_mixer(const Profile *profile, const Model *model, const Layer *layer, guint32 tp)
{
  g_auto(MixerTable) table = {0};
  g_autoptr(StateFit) states = NULL;

  if (layer->mixer.kind != MIXER_RECURRENT)
    return mixer_table_find(profile, model, layer, tp, &table);
  states = state_fit_new(profile, &layer->mixer, model->hidden, tp, dtype_of_activations(model));
  return states != NULL;
}

/* Kinds of layers that the tables are not of, one sentence. */
static void
add_missing_layers(GPtrArray *remarks, const Profile *profile, const Model *model,
                   const ExpertSplit *split)
{
  g_autoptr(GString) names = g_string_new(NULL);

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    g_autofree char *mixer = mixer_words(&layer->mixer);
    if (mixer != NULL && !model_is_uniform(model) && !has_mixer(profile, model, layer, split->tp))
      append_name(names, mixer);
    if (layer->experts > 0 && moe_fit_distribution(profile, layer, split, NULL) == NULL)
      append_name(names, "experts");
  }
  if (names->len > 0)
    g_ptr_array_add(remarks, g_strdup_printf("Modelled, because the tables have none of this "
                                             "model's: %s.",
                                             names->str));
}

/* Takes the sentence; layers of several kinds say it once. */
static void
add_once(GPtrArray *remarks, char *sentence)
{
  if (g_ptr_array_find_with_equal_func(remarks, sentence, g_str_equal, NULL))
    g_free(sentence);
  else
    g_ptr_array_add(remarks, sentence);
}

/* Adds how tokens choose experts in the table that serves, which is an assumption, and what the
 * table calls their weights, where it is another name. */
static void
add_draws(GPtrArray *remarks, const Profile *profile, const Model *model, const ExpertSplit *split)
{
  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    const char *dtype = "";
    const char *draws =
        layer->experts > 0 ? moe_fit_distribution(profile, layer, split, &dtype) : NULL;
    if (draws == NULL)
      continue;
    if (*dtype != '\0' && !g_str_equal(dtype, moe_fit_dtype(layer)))
      add_once(remarks,
               g_strdup_printf("Experts in %s are measured in %s.", moe_fit_dtype(layer), dtype));
    if (g_str_equal(draws, MOE_TOUCHED))
      draws = "each token draws alike from all";
    add_once(remarks, g_strdup_printf("Assumed of how tokens choose experts: %s.", draws));
  }
}

static void
add_asked(GArray *asked, const char *what, OperationKind kind, const char *variant,
          const char *dtype)
{
  const Asked one = {what, kind, variant, dtype};

  for (guint i = 0; i < asked->len; i++)
    if (g_array_index(asked, Asked, i).kind == kind &&
        g_str_equal(g_array_index(asked, Asked, i).variant, variant) &&
        g_str_equal(g_array_index(asked, Asked, i).asked, dtype) &&
        g_str_equal(g_array_index(asked, Asked, i).what, what))
      return;
  g_array_append_val(asked, one);
}

/* All that a step asks for by a dtype. */
static GArray *
asked_for(const Model *model, guint32 tp)
{
  const char *activations = dtype_of_activations(model);
  GArray *asked = g_array_new(FALSE, FALSE, sizeof(Asked));
  gboolean has_full = FALSE;

  for (guint i = 0; i < model->n_kinds; i++) {
    const Layer *layer = &model->kinds[i];
    has_full |= layer->mixer.kind == MIXER_FULL;
    for (guint j = 0; j < layer->n_matrices; j++)
      if (layer->matrices[j].copies == 1)
        add_asked(asked, "products", OP_GEMM, "", layer->matrices[j].format.name);
  }
  add_asked(asked, "the output head", OP_GEMM, "", dtype_of_head(model));
  if (has_full)
    add_asked(asked, "attention", OP_ATTENTION, "", dtype_of_attention(model));
  add_asked(asked, "norms and activation", OP_ELEMENTWISE, ELEMENTWISE_NORM, activations);
  add_asked(asked, "norms and activation", OP_ELEMENTWISE, ELEMENTWISE_ACTIVATION, activations);
  add_asked(asked, "sampling", OP_SAMPLING, "", activations);
  if (tp > 1) {
    add_asked(asked, "all-reduce", OP_ALL_REDUCE, "custom", activations);
    add_asked(asked, "all-reduce", OP_ALL_REDUCE, "nccl", activations);
  }
  return asked;
}

/* Tables that launched each kernel by itself, imported before that was told apart (spillway 0.2.0).
 */
static gboolean
lacks_launches(const Profile *profile)
{
  for (guint i = 0; i < profile->origins->len; i++)
    if (g_strcmp0(g_array_index(profile->origins, ProfileOrigin, i).source,
                  "llmservingsim dense.csv") == 0)
      return TRUE;
  return FALSE;
}

static void
add_launches(GPtrArray *remarks, const Profile *profile)
{
  const char *source;
  double ps = launch_spared_kernel_ps(profile, &source);

  if (ps > 0)
    g_ptr_array_add(remarks,
                    g_strdup_printf("Assumed of captured graphs: each kernel of a layer takes %.3g "
                                    "us less than in the tables, where it is launched by itself "
                                    "(%s).",
                                    ps / (double)PS_PER_US, source));
  else if (lacks_launches(profile))
    g_ptr_array_add(remarks, g_strdup("Imported by an older program: each kernel of these tables "
                                      "was launched by itself, and what captured graphs spare of "
                                      "that is not known; import the tables again."));
}

static void
add_kernels(GPtrArray *remarks, const Profile *profile)
{
  g_autofree char *used = profile_kernels_text(profile);

  if (profile->kernels_left_out != NULL)
    g_ptr_array_add(remarks, g_strdup_printf("Of the kernels %s; the profile has measurements of "
                                             "%s, too ('spillway profile export --kernels').",
                                             used, profile->kernels_left_out));
}

GPtrArray *
profile_remarks(const Profile *profile, const Model *model, const ExpertSplit *split)
{
  g_autoptr(GArray) array = asked_for(model, split->tp);
  const Asked *asked = (const Asked *)(gconstpointer)array->data;
  GPtrArray *remarks = g_ptr_array_new_with_free_func(g_free);

  for (guint i = 0; i < array->len; i++) {
    g_autofree char *there = dtypes_there(profile, &asked[i]);
    if (there != NULL &&
        dtype_serving(profile, asked[i].kind, asked[i].variant, asked[i].asked) == NULL)
      g_ptr_array_add(remarks, g_strdup_printf("Modelled, because the tables have it in %s and not "
                                               "in %s, which is another kernel: %s.",
                                               there, asked[i].asked, asked[i].what));
  }
  add_stand_ins(remarks, profile, asked, array->len);
  add_missing_layers(remarks, profile, model, split);
  add_draws(remarks, profile, model, split);
  add_launches(remarks, profile);
  add_kernels(remarks, profile);
  return remarks;
}

char *
host_time_source(const Profile *profile, const Host *host, HostScheduler scheduler,
                 gboolean *is_own)
{
  const char *name = host_scheduler_name(scheduler);
  guint n = 0;
  const ProfileSample *samples = profile != NULL ? profile_samples(profile, OP_HOST, &n) : NULL;

  *is_own = FALSE;
  for (guint i = 0; i < n; i++)
    if (!samples[i].derived && g_str_equal(samples[i].variant, name)) {
      *is_own = TRUE;
      return g_strdup(g_array_index(profile->origins, ProfileOrigin, samples[i].origin).source);
    }
  return host_source(host, scheduler);
}
