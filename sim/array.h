/* Appending to a GArray or a GPtrArray in line: where a decision takes a few hundred instructions,
 * GLib's call for each value would be most of them.
 *
 * `room` is the appender's own note of how many elements the array has memory for; 0 at first. The
 * array is shortened by setting its `len` alone.
 */
#pragma once

#include <glib.h>

/* Give a full array twice its room; for the macros. */
void array_grow(GArray *array, guint *room);
void pointers_grow(GPtrArray *array, guint *room);

/* Appends a value of `type`, the last argument, to a GArray; a pointer to a GPtrArray. */
#define ARRAY_PUSH(array, room, type, ...)                                                         \
  (G_LIKELY((array)->len < *(room)) ? (void)0 : array_grow((array), (room)),                       \
   ((type *)(gpointer)(array)->data)[(array)->len++] = __VA_ARGS__)

/* The same, for the caller to fill: the new value's address. */
#define ARRAY_ADD(array, room, type)                                                               \
  (G_LIKELY((array)->len < *(room)) ? (void)0 : array_grow((array), (room)),                       \
   &((type *)(gpointer)(array)->data)[(array)->len++])

#define POINTER_PUSH(array, room, pointer)                                                         \
  (G_LIKELY((array)->len < *(room)) ? (void)0 : pointers_grow((array), (room)),                    \
   (array)->pdata[(array)->len++] = (pointer))
