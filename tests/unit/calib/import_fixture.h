/* Imports of tables that a test writes or that were published. */
#pragma once

#include "calib/import/import.h"

#include "calib/import/csv_table.h"
#include "models/model_config.h"

typedef struct {
  char *folder;
  Profile *profile;
} Fixture;

void set_up(Fixture *fixture, gconstpointer unused);

void remove_folder(const char *path);

void tear_down(Fixture *fixture, gconstpointer unused);

/* Writes a file below the fixture's folder; the caller frees its path. */
char *write_file(const Fixture *fixture, const char *name, const char *content);

/* The shipped models by the last part of a published name. */
Model *find_model(const char *name, gpointer data, GError **error);

static const ImportContext context = {.find_model = find_model};

/* NULL and a skip if the public data is not there; the caller frees it. */
char *shared_path(const char *file);

void import(Profile *profile, const char *path, const char *format);

/* The import fails with a message that ends in `expected`, and leaves the profile alone. */
void import_fails(Fixture *fixture, const char *path, const char *expected);

const ProfileSample *find(const Profile *profile, OperationKind kind, const char *variant,
                          const char *dtype, const gint64 *shape);

#define SHAPE(...) ((const gint64[OPERATION_SHAPE_MAX]){__VA_ARGS__})

void expect_ns(const Profile *profile, OperationKind kind, const char *variant, const char *dtype,
               const gint64 *shape, double ns);

void expect_count(const Profile *profile, OperationKind kind, guint expected);

/* ---- LLMServingSim ---- */

#define META                                                                                       \
  "vllm_version: 0.19.0\ncuda_version: '13.0'\ngpu: NVIDIA RTX PRO 6000 Blackwell\n"               \
  "profiled_at: '2026-04-24T12:44:27+00:00'\nmodel: meta-llama/Llama-3.1-8B\nvariant: bf16\n"      \
  "engine_effective:\n  hf_overrides:\n    num_hidden_layers: 1\nmeasurement_iterations: 3\n"

/* ---- aiconfigurator ---- */

#define AI "framework,version,device,op_name,kernel_source,"
#define AI_ROW(op) "VLLM,0.14.0,NVIDIA H100 80GB HBM3," op ",k,"
#define AI_GEMM AI "gemm_dtype,m,n,k,latency\n"
#define AI_ATTENTION                                                                               \
  AI "batch_size,isl,num_heads,num_key_value_heads,head_dim,beam_width,attn_dtype,kv_cache_dtype," \
     "step,latency\n"
