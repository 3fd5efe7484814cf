/* The words of a server's command line, however it was pasted: typed into a shell, or listed by a
 * deployment's file (docker compose, Kubernetes, `docker inspect`). */
#pragma once

#include <glib.h>

typedef struct {
  GPtrArray *words; /* of char*, with a NULL behind the last */
  char *image;      /* that a deployment's file names; NULL: none */
} ServerWords;

/* A deployment's file is known by a line `command:`, `args:`, `entrypoint:` or `extraArgs:`, or
 * begins with an item of a list: each item of these is a word, other keys are passed over. Anything
 * else is a shell's line, which may go on behind a backslash. Of several containers it is the one
 * whose image has `image` in its name. The script of a `sh -c` is words,
 * too. NULL with an error where quotes are not closed or there is nothing. */
ServerWords *server_words_read(const char *text, const char *image, GError **error);
void server_words_free(ServerWords *self);

/* Whether a shell would end the command before this word: `> log`, `2>&1`, `| tee`, `&`, `;`. */
gboolean server_word_ends_command(const char *word);

/* vLLM counts in decimal thousands, 16k, and in binary ones, 16K; a plain number of that, or the
 * word as it is where it is no such count. The caller frees it. */
char *server_word_count(const char *word);

/* "0.11.0" of "vllm/vllm-openai:v0.11.0-x86", "0.10.1" of a tag with more parts; NULL of one that
 * has no version. The caller frees it. */
char *server_image_version(const char *image);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServerWords, server_words_free)
