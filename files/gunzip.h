/* gzip data in pieces: one member after another, and zeros as padding behind the last, as tapes
 * have them. Anything else behind the end is a fault, as is an end within a member.
 *
 * zlib's own gzread() takes what is cut off for the end of a pipe, and what is behind the end for
 * nothing.
 */
#pragma once

#include <glib.h>
#include <zlib.h>

typedef struct {
  z_stream stream; /* next_in, avail_in, next_out and avail_out are the caller's */
  gboolean in_member;
  gboolean in_padding;
} Gunzip;

/* TRUE if the bytes begin as gzip does. */
gboolean gunzip_is_gzip(const void *bytes, gsize n_bytes);

/* FALSE: there is no memory. To be cleared in any case. */
gboolean gunzip_init(Gunzip *gunzip);
void gunzip_clear(Gunzip *gunzip);

/* Unpacks until the input is used up or the output is full. NULL, or what is wrong with the data.
 */
const char *gunzip_run(Gunzip *gunzip);
/* The input has ended. NULL, or what is wrong with that. */
const char *gunzip_end(const Gunzip *gunzip);
