#include "array.h"

void
array_grow(GArray *array, guint *room)
{
  guint len = array->len;

  *room = MAX(16, 2 * len);
  g_array_set_size(array, *room);
  array->len = len;
}

void
pointers_grow(GPtrArray *array, guint *room)
{
  guint len = array->len;

  *room = MAX(16, 2 * len);
  g_ptr_array_set_size(array, (gint)*room);
  array->len = len;
}
