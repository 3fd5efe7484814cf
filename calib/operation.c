#include "operation.h"

const Operation operations[OPERATIONS] = {
    [OP_GEMM] = {"gemm", "matrix product, (m x k) by (k x n)", {"m", "n", "k"}, FALSE},
    [OP_ELEMENTWISE] = {"elementwise",
                        "norms, rotary embedding, activation, …",
                        {"tokens", "width"},
                        TRUE},
    [OP_ATTENTION] = {"attention",
                      "attention of one layer over a batch of prefills and decodes",
                      {"prefills", "new_tokens", "cached_tokens", "decodes", "context", "heads",
                       "kv_heads", "head_dim"},
                      FALSE},
    [OP_ATTENTION_SKEW] = {"attention_skew",
                           "attention over unequal contexts against equal ones",
                           {"new_tokens", "cached_tokens", "decodes", "big_decodes", "context",
                            "big_context", "heads", "kv_heads", "head_dim"},
                           TRUE},
    [OP_SAMPLING] = {"sampling", "choosing tokens from logits", {"sequences", "vocab"}, TRUE},
    [OP_ALL_REDUCE] = {"all_reduce",
                       "sum over the devices of a tensor-parallel group",
                       {"bytes", "ranks"},
                       TRUE},
    [OP_COPY] = {"copy", "KV blocks between device and host", {"piece_bytes", "pieces"}, TRUE},
    [OP_HOST] = {"host", "a step's time beyond its kernels", {"sequences", "tokens"}, TRUE},
    [OP_COPY_SUBMIT] = {"copy_submit",
                        "the host's time to hand a copy over",
                        {"piece_bytes", "pieces"},
                        TRUE},
    [OP_BESIDE] = {"beside",
                   "kernels and copies that run at once, and each alone",
                   {"piece_bytes", "pieces"},
                   TRUE},
    [OP_CEILING] = {"ceiling", "the most that the device gives", {"work"}, TRUE},
    [OP_STEP] = {"step",
                 "a whole step, as an executor runs it",
                 {"new_tokens", "cached_tokens", "decodes", "context", "layers", "hidden", "ffn",
                  "heads", "kv_heads"},
                 TRUE},
    [OP_ATTENTION_WINDOW] = {"attention_window",
                             "attention over the last tokens of a context",
                             {"prefills", "new_tokens", "cached_tokens", "decodes", "context",
                              "heads", "kv_heads", "head_dim", "window"},
                             FALSE},
    [OP_MLA] = {"mla",
                "attention over latent vectors, or a block of it with its products",
                {"prefills", "new_tokens", "cached_tokens", "decodes", "context", "heads",
                 "latent_dim", "rope_dim", "value_dim"},
                TRUE},
    [OP_MOE] = {"moe",
                "the routed experts of one layer",
                {"tokens", "hidden", "ffn", "active", "experts", "moe_tp", "moe_ep", "touched"},
                TRUE},
    [OP_RECURRENT] = {"recurrent",
                      "a kernel of a layer that keeps a state",
                      {"sequences", "tokens", "hidden", "groups", "state_dim", "heads", "head_dim",
                       "conv", "chunk"},
                      TRUE},
    [OP_LAUNCH] = {"launch",
                   "what a captured graph spares of kernels that were timed one by one",
                   {"kernels"},
                   FALSE},
    [OP_ATTENTION_SPARSE] = {"attention_sparse",
                             "attention over the tokens that an indexer picks, or a block of it "
                             "with its products",
                             {"prefills", "new_tokens", "cached_tokens", "decodes", "context",
                              "heads", "kv_heads", "head_dim", "picked"},
                             TRUE},
};

gboolean
operation_is_of_kernels(OperationKind kind)
{
  return kind == OP_ATTENTION || kind == OP_ATTENTION_SKEW || kind == OP_ELEMENTWISE ||
         kind == OP_SAMPLING || kind == OP_BESIDE || kind == OP_STEP;
}

guint
operation_n_shape(OperationKind kind)
{
  guint n = 0;

  while (n < OPERATION_SHAPE_MAX && operations[kind].shape[n] != NULL)
    n++;
  return n;
}

gboolean
operation_find(const char *name, OperationKind *kind)
{
  for (guint i = 0; i < OPERATIONS; i++)
    if (g_str_equal(operations[i].name, name)) {
      *kind = (OperationKind)i;
      return TRUE;
    }
  return FALSE;
}

char *
operation_names(void)
{
  GString *names = g_string_new(operations[0].name);

  for (guint i = 1; i < OPERATIONS; i++)
    g_string_append_printf(names, "%s%s", i + 1 == OPERATIONS ? " or " : ", ", operations[i].name);
  return g_string_free(names, FALSE);
}
