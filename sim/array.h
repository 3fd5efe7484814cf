/* Appending to a GArray in line: where a decision takes a few hundred instructions, GLib's call
 * for each value would be most of them.
 *
 * `room` is the appender's own note of how many elements the array has memory for; 0 at first. The
 * array is shortened by setting its `len` alone.
 */
#pragma once

#include <glib.h>

static inline void
array_reserve(GArray *array, guint *room)
{
  guint len = array->len;

  if (G_LIKELY(len < *room))
    return;
  *room = MAX(16, 2 * len);
  g_array_set_size(array, *room);
  array->len = len;
}

#define ARRAY_PUSH(array, room, type, ...)                                                         \
  (array_reserve((array), (room)), ((type *)(gpointer)(array)->data)[(array)->len++] = __VA_ARGS__)
