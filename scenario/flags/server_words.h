/* The words of a server's command line, however it was pasted: typed into a shell, or listed by a
 * deployment's file (docker compose, Kubernetes, `docker inspect`). */
#pragma once

#include <glib.h>

typedef struct {
  GPtrArray *words; /* of char*, with a NULL behind the last */
  char *image;      /* that a deployment's file names; NULL: none */
} ServerWords;

/* A text is a deployment's file if it has a line `command:`, `args:`, `entrypoint:`, `extraArgs:`,
 * `commands:` (each of which is a line for a shell) or `vllmConfig:` (server_chart.h), or begins
 * with an item of a list. Each item of these is a word; other keys are skipped. Of several
 * containers the one is read whose image has `image` in its name. Any other text is a line for a
 * shell; a backslash continues it. The script of a `sh -c` is split into words. NULL with an error
 * if a quote is not closed or there is no word. */
ServerWords *server_words_read(const char *text, const char *image, GError **error);
void server_words_free(ServerWords *self);

/* TRUE if a shell ends the command before this word: `>`, `2>&1`, `|`, `&`, `;`. */
gboolean server_word_ends_command(const char *word);

/* A count as vLLM takes it, as a plain number: 16k is 16000, 16K is 16384. Any other word is
 * returned as it is. The caller frees the text. */
char *server_word_count(const char *word);

/* "0.11.0" of "vllm/vllm-openai:v0.11.0-x86", "0.10.1" of a tag with more parts; NULL of one that
 * has no version. The caller frees it. */
char *server_image_version(const char *image);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ServerWords, server_words_free)
