/* Random KV layouts with their memory, shared by the tests of the reference and of the kernels. */
#pragma once

#include "kernels/kv_copy.h"

#include <glib.h>

typedef struct {
  KvLayout layout;
  size_t pool_bytes, buffer_bytes;
  guint8 *pool, *buffer; /* random bytes */
  int32_t *block_list;   /* no block twice, in random order */
  size_t num_blocks;
} KvCopyCase;

KvCopyCase *kv_copy_case_new(GRand *rand);
/* A case of this layout. */
KvCopyCase *kv_copy_case_new_of(GRand *rand, const KvLayout *layout, size_t pool_blocks,
                                size_t num_blocks);
void kv_copy_case_free(KvCopyCase *c);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KvCopyCase, kv_copy_case_free)

/* The expected results, byte by byte by the formula of kernels/kv_copy.h: the buffer after a
 * gather, the pool after a scatter. The caller frees. */
guint8 *kv_copy_case_gathered(const KvCopyCase *c);
guint8 *kv_copy_case_scattered(const KvCopyCase *c);
