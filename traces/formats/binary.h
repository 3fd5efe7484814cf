/* The form "binary": how a file of it is laid out. All numbers are little-endian; every part begins
 * at a multiple of 8 bytes, the rest before it is 0.
 *
 *   header       8 words of 8 bytes, BinaryWord
 *   comment      UTF-8
 *   requests     arrival_ps (8 bytes), prompt_tokens (4), output_tokens (4) each, in order
 *   hash shapes  hash_count (4), hash_block_tokens (4) each      where BINARY_HASHES is set
 *   priorities   4 each, with a sign                             where BINARY_PRIORITIES is set
 *   max tokens   4 each                                          where BINARY_MAX_TOKENS is set
 *   ids          8 each, with a sign                             where BINARY_IDS is set
 *   names        each ends in a 0 byte                           where BINARY_NAMES is set
 *   hashes       8 each, those of a request side by side, requests in order
 *   checksum     2 words
 *
 * The checksum is over all words before it: their sum, and the sum of that sum after each word,
 * both modulo 2^64. A changed word changes the first, exchanged words change the second, and it
 * costs two additions a word, so that reading stays as fast as memory.
 */
#pragma once

#include "traces/format.h"

#include <glib.h>

#define BINARY_MARK "\x89SPW\r\n\x1a\n" /* its line ends show what text tools did to a file */

enum { BINARY_FORMAT_NUMBER = 2, BINARY_MARK_BYTES = 8, BINARY_CHECKSUM_WORDS = 2 };

typedef enum {
  BINARY_WORD_MARK,
  BINARY_WORD_FORMAT, /* format number; in the upper half BinaryParts */
  BINARY_WORD_REQUESTS,
  BINARY_WORD_HASHES,
  BINARY_WORD_NAME_BYTES,
  BINARY_WORD_COMMENT_BYTES,
  BINARY_WORD_FILE_BYTES, /* of the whole file */
  BINARY_WORD_RESERVED,   /* 0 */
  BINARY_WORDS,
} BinaryWord;

typedef enum {
  BINARY_HASHES = 1 << 0,
  BINARY_PRIORITIES = 1 << 1,
  BINARY_IDS = 1 << 2,
  BINARY_NAMES = 1 << 3,      /* instead of ids */
  BINARY_MAX_TOKENS = 1 << 4, /* since format 2 */
  BINARY_PARTS_KNOWN = (1 << 5) - 1,
} BinaryParts;

typedef struct {
  guint64 sum, sum_of_sums;
} BinaryChecksum;

/* Numbers in the file's order of bytes. */
static inline void
binary_checksum_add(BinaryChecksum *checksum, const guint64 *words, gsize n)
{
  guint64 sum = checksum->sum, sum_of_sums = checksum->sum_of_sums;

  for (gsize i = 0; i < n; i++) {
    sum += GUINT64_FROM_LE(words[i]);
    sum_of_sums += sum;
  }
  *checksum = (BinaryChecksum){sum, sum_of_sums};
}

/* Bytes of a part, with the rest up to the next one. */
static inline guint64
binary_padded(guint64 bytes)
{
  return (bytes + 7) & ~(guint64)7;
}

/* What the header says the file's length must be; the counts must be in bounds. */
static inline guint64
binary_file_bytes(const guint64 header[BINARY_WORDS])
{
  guint64 n = header[BINARY_WORD_REQUESTS], parts = header[BINARY_WORD_FORMAT] >> 32;

  return BINARY_WORDS * 8 + binary_padded(header[BINARY_WORD_COMMENT_BYTES]) + 16 * n +
         (parts & BINARY_HASHES ? 8 * n : 0) +
         (parts & BINARY_PRIORITIES ? binary_padded(4 * n) : 0) +
         (parts & BINARY_MAX_TOKENS ? binary_padded(4 * n) : 0) + (parts & BINARY_IDS ? 8 * n : 0) +
         binary_padded(header[BINARY_WORD_NAME_BYTES]) + 8 * header[BINARY_WORD_HASHES] +
         BINARY_CHECKSUM_WORDS * 8;
}

/* The format's hook (binary_read.c). */
gboolean binary_read(const TraceFormat *self, TraceReader *reader, Source *source, GError **error);
