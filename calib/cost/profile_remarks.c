#include "profile_remarks.h"

#include "dtype.h"

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

/* All of `asked` that one dtype serves in place of another make one sentence. */
static void
add_stand_ins(GPtrArray *remarks, const Profile *profile, const Asked *asked, guint n)
{
  g_autofree gboolean *told = g_new0(gboolean, n);

  for (guint i = 0; i < n; i++) {
    const char *dtype = dtype_serving(profile, asked[i].kind, asked[i].variant, asked[i].asked);
    g_autoptr(GString) names = g_string_new(NULL);
    if (told[i] || dtype == NULL || *dtype == '\0' || g_str_equal(dtype, asked[i].asked))
      continue;
    for (guint j = i; j < n; j++)
      if (g_str_equal(asked[j].asked, asked[i].asked) &&
          g_strcmp0(dtype_serving(profile, asked[j].kind, asked[j].variant, asked[j].asked),
                    dtype) == 0) {
        told[j] = TRUE;
        append_name(names, asked[j].what);
      }
    g_ptr_array_add(remarks,
                    g_strdup_printf("Measured in %s, which stands in for %s (as wide, and at the "
                                    "same rate): %s.",
                                    dtype, asked[i].asked, names->str));
  }
}

GPtrArray *
profile_remarks(const Profile *profile, const Model *model, guint32 tp)
{
  const char *activations = dtype_of_activations(model);
  const Asked asked[] = {
      {"products", OP_GEMM, "",
       model->experts == 0 && dtype_is_one(model) ? model->dtype : dtype_of_head(model)},
      {"the output head", OP_GEMM, "", dtype_of_head(model)},
      {"attention", OP_ATTENTION, "", dtype_of_attention(model)},
      {"norms and activation", OP_ELEMENTWISE, ELEMENTWISE_NORM, activations},
      {"norms and activation", OP_ELEMENTWISE, ELEMENTWISE_ACTIVATION, activations},
      {"sampling", OP_SAMPLING, "", activations},
      {"all-reduce", OP_ALL_REDUCE, "custom", activations},
      {"all-reduce", OP_ALL_REDUCE, "nccl", activations},
  };
  guint n = G_N_ELEMENTS(asked) - (tp > 1 ? 0 : 2);
  GPtrArray *remarks = g_ptr_array_new_with_free_func(g_free);

  for (guint i = 0; i < n; i++) {
    g_autofree char *there = dtypes_there(profile, &asked[i]);
    if (there != NULL &&
        dtype_serving(profile, asked[i].kind, asked[i].variant, asked[i].asked) == NULL)
      g_ptr_array_add(remarks, g_strdup_printf("Modelled, because the tables have it in %s and not "
                                               "in %s, which is another kernel: %s.",
                                               there, asked[i].asked, asked[i].what));
  }
  add_stand_ins(remarks, profile, asked, n);
  if (!model_is_uniform(model))
    g_ptr_array_add(remarks,
                    g_strdup("Modelled, because the tables are of layers that are all alike and "
                             "attend to the whole context: projections and attention."));
  else if (model->experts == 0 && !dtype_is_one(model))
    g_ptr_array_add(remarks, g_strdup("Modelled, because the model's weights are of several "
                                      "dtypes: projections and MLP."));
  else if (model->experts > 0)
    g_ptr_array_add(remarks, g_strdup("Modelled, because the tables' products are of dense layers: "
                                      "projections and experts."));
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
