/* A libFuzzer program for all readers: --reader=NAME says which. tests/fuzz/run builds and starts
 * it. */
#include "tests/fuzz/reader.h"

#include <stdio.h>
#include <stdlib.h>

static const FuzzReader *reader;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const guint8 *data, gsize bytes);

static void
list_readers(void)
{
  for (const FuzzReader *r = fuzz_readers; r->name != NULL; r++)
    puts(r->name);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
  for (int i = 1; i < *argc; i++)
    if (g_str_equal((*argv)[i], "--list")) {
      list_readers();
      exit(0);
    } else if (g_str_has_prefix((*argv)[i], "--reader=")) {
      reader = fuzz_reader_find((*argv)[i] + 9);
    }
  if (reader == NULL) {
    fputs("which reader? --reader=NAME, of --list\n", stderr);
    exit(2);
  }
  fuzz_reader_begin(reader);
  atexit(fuzz_reader_end);
  return 0;
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize bytes)
{
  fuzz_reader_try(reader, data, bytes);
  return 0;
}
