#include "known_profile.h"

#include "calib/cost/profile_cost.h"
#include "models/model_config.h"
#include "sim/units.h"

#include <math.h>
#include <string.h>

double
known_gemm_ns(double m, double n, double k)
{
  return 2000 + n * k * 1e-3 + m * n * k * 4e-6;
}

double
known_attention_ns(double fresh, double cached, double decodes, double context)
{
  double pairs = fresh * cached + fresh * (fresh + 1) / 2;

  return 5000 + pairs * 0.02 + fresh + decodes * context * 0.5;
}

void
known_profile_add(KnownProfile *f, OperationKind kind, const char *variant, const gint64 *shape,
                  double ns)
{
  ProfileSample sample = {
      .operation = (guint8)kind,
      .variant = variant,
      .dtype = kind == OP_COPY || kind == OP_COPY_SUBMIT || kind == OP_BESIDE ? "" : "bfloat16",
      .kernel = "",
      .median_ns = ns};

  memcpy(sample.shape, shape, operation_n_shape(kind) * sizeof *shape);
  profile_add(f->profile, &sample);
}

static void
add_products(KnownProfile *f)
{
  const Model *m = f->model;
  gint64 q = (gint64)m->heads * m->head_dim, kv = (gint64)m->kv_heads * m->head_dim;
  const gint64 products[][2] = {{q + 2 * kv, m->hidden},
                                {m->hidden, q},
                                {2 * (gint64)m->ffn, m->hidden},
                                {m->hidden, m->ffn},
                                {m->vocab, m->hidden}};

  for (guint i = 0; i < G_N_ELEMENTS(products); i++)
    for (gint64 rows = 1; rows <= 4096; rows += rows < 16 ? 1 : rows / 8)
      known_profile_add(
          f, OP_GEMM, "", (const gint64[]){rows, products[i][0], products[i][1]},
          known_gemm_ns((double)rows, (double)products[i][0], (double)products[i][1]));
}

static void
add_small(KnownProfile *f)
{
  const Model *m = f->model;
  const struct {
    const char *variant;
    gint64 width;
  } parts[] = {{ELEMENTWISE_NORM, m->hidden},
               {ELEMENTWISE_ROPE, (gint64)(m->heads + m->kv_heads) * m->head_dim},
               {ELEMENTWISE_ACTIVATION, m->ffn}};

  for (gint64 tokens = 1; tokens <= 4096; tokens *= 2) {
    for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
      known_profile_add(f, OP_ELEMENTWISE, parts[i].variant,
                        (const gint64[]){tokens, parts[i].width}, 1000 + (double)tokens);
    known_profile_add(f, OP_SAMPLING, "", (const gint64[]){tokens, m->vocab},
                      2000 + (double)tokens);
  }
}

static void
add_attention(KnownProfile *f)
{
  const gint64 fresh[] = {0, 16, 64, 256, 1024, 4096}, decodes[] = {0, 1, 4, 16, 64, 256};
  const gint64 contexts[] = {16, 64, 256, 1024, 4096, 16384};
  const Model *m = f->model;

  for (guint i = 0; i < G_N_ELEMENTS(fresh); i++)
    for (guint j = 0; j < G_N_ELEMENTS(decodes); j++)
      for (guint k = 0; k < G_N_ELEMENTS(contexts); k++)
        for (gint64 cached = 0; cached <= (fresh[i] > 0 ? 8192 : 0);
             cached = cached == 0 ? 512 : cached * 4) {
          gint64 context = decodes[j] > 0 ? contexts[k] : 0;
          if (fresh[i] + decodes[j] > 0)
            known_profile_add(f, OP_ATTENTION, "",
                              (const gint64[]){fresh[i] > 0, fresh[i], cached, decodes[j], context,
                                               m->heads, m->kv_heads, m->head_dim},
                              known_attention_ns((double)fresh[i], (double)cached,
                                                 (double)decodes[j], (double)context));
        }
}

static void
add_skew(KnownProfile *f)
{
  const Model *m = f->model;

  for (gint64 decodes = 2; decodes <= 256; decodes *= 2)
    for (gint64 big = 1; big < decodes; big *= 2) {
      const gint64 shape[] = {0, 0, decodes, big, 512, 4096, m->heads, m->kv_heads, m->head_dim};
      double mean = 512 + (4096 - 512) * (double)big / (double)decodes;
      double at_mean = known_attention_ns(0, 0, (double)decodes, mean);
      double at_max = known_attention_ns(0, 0, (double)decodes, 4096);
      known_profile_add(f, OP_ATTENTION_SKEW, "mean", shape, at_mean);
      known_profile_add(f, OP_ATTENTION_SKEW, "max", shape, at_max);
      known_profile_add(f, OP_ATTENTION_SKEW, "skew", shape, at_mean + 0.1 * (at_max - at_mean));
    }
}

void
known_profile_set_up(KnownProfile *f, gconstpointer with_skew)
{
  const char *source = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *model =
      g_build_filename(source != NULL ? source : ".", "models", "llama-3.1-8b.json", NULL);
  g_autofree char *device =
      g_build_filename(source != NULL ? source : ".", "calib", "devices", "h100-sxm.ini", NULL);
  g_autoptr(GError) error = NULL;
  const ProfileOrigin origin = {.source = "made here"};

  f->model = model_config_read(model, "llama-3.1-8b", &error);
  g_assert_no_error(error);
  f->device = device_read(device, "h100-sxm", &error);
  g_assert_no_error(error);
  f->profile = profile_new("made", "h100-sxm");
  profile_add_origin(f->profile, &origin);
  add_products(f);
  add_small(f);
  add_attention(f);
  if (with_skew != NULL)
    add_skew(f);
  profile_seal(f->profile);
}

void
known_profile_tear_down(KnownProfile *f, gconstpointer data G_GNUC_UNUSED)
{
  model_free(f->model);
  device_free(f->device);
  profile_free(f->profile);
}

CostModel *
known_profile_cost(const KnownProfile *f, WhatIf what_if)
{
  const RooflineConfig config = {
      .device = f->device,
      .model = f->model,
      .block_size = 16,
      .tensor_parallel_size = 1,
      .what_if = what_if,
  };
  g_autoptr(GError) error = NULL;
  CostModel *cost = profile_cost_new(f->profile, &config, &error);

  g_assert_no_error(error);
  return cost;
}

CostShape
known_decode_shape(const guint32 *contexts, guint32 n)
{
  CostShape shape = {.sampled = n, .sequences = n};

  for (guint32 i = 0; i < n; i++)
    decode_contexts_add(&shape.contexts, contexts[i]);
  return shape;
}

void
assert_near_ns(gint64 ps, double ns, double tolerance)
{
  g_assert_cmpfloat(fabs((double)ps / PS_PER_NS / ns - 1), <, tolerance);
}
