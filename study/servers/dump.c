#include "dump.h"

#include <stdio.h>
#include <string.h>

/* An id that begins with a date is of a dump. */
gboolean
server_dump_has(const char *id)
{
  return strspn(id, "0123456789") == 4 && id[4] == '_';
}

/* Whether `name` is one of those in `list`, between spaces; NULL has any. */
static gboolean
has_name(const char *list, const char *name)
{
  g_auto(GStrv) names = list == NULL ? NULL : g_strsplit(list, " ", -1);

  return list == NULL || g_strv_contains((const char *const *)names, name);
}

/* What is matched against a row of the tables below. */
typedef struct {
  const char *model; /* some of its name */
  const char *cards;
  const char *precision; /* NULL: any, as cards */
} Served;

static gboolean
is_served(const Served *served, const ServerPoint *point)
{
  g_autofree char *model = g_ascii_strdown(point->model, -1);

  return strstr(model, served->model) != NULL && has_name(served->cards, point->card) &&
         (served->precision == NULL || g_str_equal(served->precision, point->precision));
}

static const struct {
  const char *engine;
  Served served;
} fp8_kv[] = {
    {"vllm", {"llama", "h200 b200", NULL}},   /* 70b_fp8_h200_slurm.sh, 70b_fp[48]_b200_docker.sh */
    {"vllm", {"llama", "mi300x", "fp8"}},     /* 70b_fp8_mi300x_slurm.sh */
    {"vllm", {"gpt-oss", "b200", NULL}},      /* gptoss_fp4_b200.sh; not H100, H200, MI300X */
    {"trtllm", {"llama", "h200 b200", NULL}}, /* 70b_fp8_h200_trt_slurm.sh, 70b_fp[48]_b200_trt… */
    {"trtllm", {"gpt-oss", "b200 gb200", NULL}},     /* gptoss_fp4_[g]b200_trt_slurm.sh */
    {"trtllm", {"deepseek", NULL, NULL}},            /* dsr1_fp[48]_*_trt_slurm.sh */
    {"sglang", {"deepseek", "b200 b300", NULL}},     /* dsr1_fp[48]_b[23]00.sh; not H200 */
    {"sglang", {"qwen3.5", "h200 b200 b300", "fp8"}} /* qwen3.5_fp8_*.sh */
};

gboolean
server_dump_has_fp8_kv(const ServerPoint *point)
{
  for (guint i = 0; i < G_N_ELEMENTS(fp8_kv); i++)
    if (g_str_equal(fp8_kv[i].engine, point->engine) && is_served(&fp8_kv[i].served, point))
      return TRUE;
  return FALSE;
}

/* "0.5.9" and "v0.5.9" are before 0.5.10; a version that does not read so is not before any. */
static gboolean
is_before(const char *version, guint major, guint minor, guint patch)
{
  guint is[3] = {0}, of[3] = {major, minor, patch};

  version += g_ascii_tolower(*version) == 'v';
  if (sscanf(version, "%u.%u.%u", &is[0], &is[1], &is[2]) < 2)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(is); i++)
    if (is[i] != of[i])
      return is[i] < of[i];
  return FALSE;
}

/* Under SGLang: tokens of a prefill batch, requests that run at once, --mem-fraction-static. Of
 * what goes before, 0 matches any; requests 0: not given. */
static const struct {
  Served served;
  guint tp, isl, osl;
  guint batch_tokens, running;
  const char *memory;
} sglang_servers[] = {
    {{"deepseek", "h200", NULL}, 0, 1024, 1024, 32768, 512, "0.82"}, /* dsr1_fp8_h200.sh */
    {{"deepseek", "h200", NULL}, 0, 0, 0, 32768, 256, "0.82"},
    {{"deepseek", "b200 b300", "fp8"}, 8, 0, 0, 32768, 128, "0.82"}, /* dsr1_fp8_b[23]00.sh */
    {{"deepseek", "b200 b300", "fp8"}, 4, 0, 0, 8192, 32, "0.95"},
    {{"deepseek", "b200 b300", "fp4"}, 0, 0, 0, 16384, 256, "0.85"}, /* dsr1_fp4_b[23]00.sh */
    {{"deepseek", "mi300x", "fp8"}, 0, 0, 0, 196608, 0, "0.8"},      /* dsr1_fp8_mi300x_slurm.sh */
    {{"qwen3.5", "h200", "fp8"}, 0, 0, 0, 16384, 128, "0.8"},        /* qwen3.5_fp8_h200.sh */
    {{"qwen3.5", "b200", NULL}, 0, 0, 0, 32768, 128, "0.82"},        /* qwen3.5_*_b200.sh */
};

static void
set_sglang(ServerPoint *point, guint isl, guint osl, const char *version)
{
  static const Served deepseek = {"deepseek", NULL, NULL};

  server_point_set(point, "disable-radix-cache", "%s", "");
  for (guint i = 0; i < G_N_ELEMENTS(sglang_servers); i++) {
    if (!is_served(&sglang_servers[i].served, point) ||
        (sglang_servers[i].tp != 0 && sglang_servers[i].tp != point->tp) ||
        (sglang_servers[i].isl != 0 && sglang_servers[i].isl != isl) ||
        (sglang_servers[i].osl != 0 && sglang_servers[i].osl != osl))
      continue;
    server_point_set(point, "chunked-prefill-size", "%u", sglang_servers[i].batch_tokens);
    server_point_set(point, "max-prefill-tokens", "%u", sglang_servers[i].batch_tokens);
    if (sglang_servers[i].running > 0)
      server_point_set(point, "max-running-requests", "%u", sglang_servers[i].running);
    server_point_set(point, "mem-fraction-static", "%s", sglang_servers[i].memory);
    /* It captures no prefills by default before 0.5.10 (pull request 16331); what launching them
     * takes is known of DeepSeek. */
    if (is_served(&deepseek, point) && is_before(version, 0, 5, 10))
      server_point_set(point, "disable-piecewise-cuda-graph", "%s", "");
    return;
  }
}

/* Under TensorRT-LLM no blocks are reused. Tokens of a step: STEP_OF_A_PROMPT is one prompt and a
 * token for each request, STEP_OF_A_REQUEST the longest request. */
#define STEP_OF_A_PROMPT 0
#define STEP_OF_A_REQUEST 1

static const struct {
  Served served;
  guint batch_tokens;
  const char *memory; /* of the free; NULL: not given */
} trtllm_servers[] = {
    {{"deepseek", "b200 b300", NULL}, STEP_OF_A_PROMPT, "0.8"}, /* dsr1_fp[48]_b200_trt_slurm.sh */
    {{"deepseek", NULL, NULL}, STEP_OF_A_PROMPT, "0.75"},       /* dsr1_fp8_h200_trt_slurm.sh */
    {{"gpt-oss", "h200 b200 gb200", NULL}, 20000, "0.85"},      /* gptoss_fp4_*_trt_slurm.sh */
    {{"llama", "b200", NULL}, 16384, NULL},             /* 70b_fp[48]_b200_trt_{slurm,docker}.sh */
    {{"llama", "h200", NULL}, STEP_OF_A_REQUEST, NULL}, /* 70b_fp8_h200_trt_slurm.sh */
};

static guint
step_tokens(guint batch_tokens, const ServerPoint *point, guint isl, guint osl, const char *version)
{
  guint tokens = (point->concurrency + isl + 64 + 63) / 64 * 64;

  if (batch_tokens == STEP_OF_A_REQUEST)
    return isl + osl + 200; /* what the sweep gives as MAX_MODEL_LEN */
  if (batch_tokens != STEP_OF_A_PROMPT)
    return batch_tokens;
  /* Scripts of later images (dsr1_fp8_h200_trt.sh) have no fewer than 8192. */
  return *version == '\0' || is_before(version, 1, 2, 0) ? tokens : MAX(tokens, 8192);
}

/* One image ran DeepSeek twice, with and without speculative decoding (MTP; dsr1-fp8-h200-trt and
 * -mtp of nvidia-master.yaml, the same for B200), without it at no more than 64 requests. Of up to
 * 64 the table does not say which run a row is of. */
#define TWICE_RUN_IMAGE "1.1.0rc2.post2"
#define TWICE_RUN_REQUESTS 64

static void
set_trtllm(ServerPoint *point, guint isl, guint osl, const char *version)
{
  static const Served twice_run = {"deepseek", NULL, "fp8"};

  if (g_str_equal(version, TWICE_RUN_IMAGE) && is_served(&twice_run, point) &&
      point->concurrency > TWICE_RUN_REQUESTS)
    server_point_refuse(point, "the dump ran it with speculative decoding (MTP) alone");
  for (guint i = 0; i < G_N_ELEMENTS(trtllm_servers); i++) {
    if (!is_served(&trtllm_servers[i].served, point))
      continue;
    if (trtllm_servers[i].memory != NULL)
      server_point_set(point, "free-gpu-memory-fraction", "%s", trtllm_servers[i].memory);
    server_point_set(point, "no-enable-prefix-caching", "%s", "");
    server_point_set(point, "max-num-batched-tokens", "%u",
                     step_tokens(trtllm_servers[i].batch_tokens, point, isl, osl, version));
    return;
  }
}

/* Llama-70B on H100 and H200 without a version, whose images were of vLLM 0.10 (70b-tmpl.yml). */
static gboolean
is_early_llama(const ServerPoint *point, const char *version)
{
  static const Served llama = {"llama-3", "h100-sxm h200", NULL},
                      large = {"70b", "h100-sxm h200", NULL};

  return *version == '\0' && is_served(&llama, point) && is_served(&large, point);
}

const char *
server_dump_version(const ServerPoint *point, const char *engine, const char *version)
{
  gboolean is_vllm = g_str_equal(engine, "vllm");

  return is_vllm && is_early_llama(point, version) ? "0.10" : version;
}

/* Whether vLLM captured graphs in pieces alone, as it did before 0.11; on B200 Llama's script asks
 * for whole ones. gpt-oss asked for pieces until its scripts had --max-cudagraph-capture-size,
 * which vLLM 0.11.1 brought (gptoss_fp4_h100_docker.sh, gptoss_fp4_h200_slurm.sh); MiniMax does
 * (minimaxm2.5_fp8_h[12]00.sh).
 */
static gboolean
has_pieces(const ServerPoint *point, const char *version)
{
  static const Served gpt_oss = {"gpt-oss", "h100-sxm h200", NULL},
                      minimax = {"minimax", "h100-sxm h200", NULL};
  gboolean is_old = *version == '\0';

  return is_early_llama(point, version) ||
         ((is_old || is_before(version, 0, 11, 1)) && is_served(&gpt_oss, point)) ||
         is_served(&minimax, point);
}

/* Under vLLM: what other scripts give than most, as tokens of a step and --gpu-memory-utilization.
 */
static const struct {
  Served served;
  const char *batch_tokens, *memory;
} vllm_servers[] = {
    {{"llama", "mi300x", NULL}, "131072", "0.94"}, /* 70b_fp8_mi300x_slurm.sh */
    {{"gpt-oss", "mi300x", NULL}, "8192", "0.95"}, /* gptoss_fp4_mi300x_slurm.sh */
    {{"minimax", "b200", NULL}, "8192", "0.95"},   /* minimaxm2.5_fp8_b200.sh */
    {{"kimi", "h200", NULL}, "8192", "0.95"},      /* kimik2.5_int4_h200.sh */
};

static void
set_vllm(ServerPoint *point, const char *version)
{
  const char *batch_tokens = "8192", *memory = "0.9";

  for (guint i = 0; i < G_N_ELEMENTS(vllm_servers); i++) {
    if (!is_served(&vllm_servers[i].served, point))
      continue;
    batch_tokens = vllm_servers[i].batch_tokens;
    memory = vllm_servers[i].memory;
  }
  server_point_set(point, "gpu-memory-utilization", "%s", memory);
  server_point_set(point, "max-num-batched-tokens", "%s", batch_tokens);
  server_point_set(point, "max-num-seqs", "%u", point->concurrency);
  server_point_set(point, "no-enable-prefix-caching", "%s", "");
  server_point_set(point, "async-scheduling", "%s", "");
  if (has_pieces(point, version))
    server_point_set(point, "cudagraph-mode", "piecewise");
}

void
server_dump_set(ServerPoint *point, guint isl, guint osl, const char *version)
{
  if (g_str_equal(point->engine, "sglang"))
    set_sglang(point, isl, osl, version);
  else if (g_str_equal(point->engine, "trtllm"))
    set_trtllm(point, isl, osl, version);
  else if (g_str_equal(point->engine, "vllm"))
    set_vllm(point, version);
}
