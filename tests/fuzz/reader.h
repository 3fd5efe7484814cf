/* What reads a file that others made, each as a command of the program, and what is expected of it
 * whatever the file holds: it ends by itself with 0, or with 2 and one message; no sanitizer
 * complains.
 *
 * libfuzzer.c feeds it inputs that grow by coverage (`make fuzz`), try-kept.c those that were kept.
 */
#pragma once

#include <glib.h>

/* Between the parts of an input that is several files. */
enum { FUZZ_SEPARATOR = 0x1e };

typedef struct {
  const char *name;
  const char *files[8]; /* that the input becomes, in the order of its parts */
  gboolean
      edits; /* the input is edits of the database template.db (edits.h), which becomes files[0] */
  gboolean sums;    /* files[0] is a binary trace: its length and sums are put right */
  gboolean options; /* the input is a command line (options.h), and there are no files or commands */
  const char *prepare[5];  /* commands that make what else is needed, once */
  const char *commands[4]; /* that read the files; "SRC/" begins a path in the source tree, "@FILE"
                              is what the file holds */
} FuzzReader;

/* Up to one without a name. */
extern const FuzzReader fuzz_readers[];
/* NULL if there is none of that name. */
const FuzzReader *fuzz_reader_find(const char *name);

/* Makes a scratch folder, the process's own from now on, and prepares it. To be called once for one
 * reader, or again for the next. */
void fuzz_reader_begin(const FuzzReader *reader);
/* Ends the process with a message where what is expected does not hold. */
void fuzz_reader_try(const FuzzReader *reader, const guint8 *data, gsize bytes);
/* Removes the scratch folder. */
void fuzz_reader_end(void);
