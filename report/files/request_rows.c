#include "request_rows.h"

enum { FIRST_ROOM = 1024 };

typedef struct {
  RequestResult result;
  gboolean is_told;
} Slot;

struct RequestRows {
  const Workload *workload;
  RequestRow row;
  gpointer user_data;
  guint32 next; /* the first that was not handed on */
  guint32 room; /* a power of two */
  Slot *slots;  /* request i is in slots[i % room], next <= i < next + room */
};

RequestRows *
request_rows_new(const Workload *workload, RequestRow row, gpointer user_data)
{
  RequestRows *rows = g_new0(RequestRows, 1);

  rows->workload = workload;
  rows->row = row;
  rows->user_data = user_data;
  rows->room = FIRST_ROOM;
  rows->slots = g_new0(Slot, rows->room);
  return rows;
}

void
request_rows_free(RequestRows *rows)
{
  if (rows == NULL)
    return;
  g_free(rows->slots);
  g_free(rows);
}

static void
grow(RequestRows *rows, guint32 room)
{
  Slot *slots = g_new0(Slot, room);

  for (guint32 i = 0; i < rows->room; i++) {
    guint32 request = rows->next + i;
    slots[request & (room - 1)] = rows->slots[request & (rows->room - 1)];
  }
  g_free(rows->slots);
  rows->slots = slots;
  rows->room = room;
}

void
request_rows_tell(RequestRows *rows, const RequestResult *result)
{
  guint32 room = rows->room;

  g_assert(result->request >= rows->next);
  while (result->request - rows->next >= room)
    room *= 2;
  if (room > rows->room)
    grow(rows, room);
  rows->slots[result->request & (rows->room - 1)] = (Slot){*result, TRUE};
  for (Slot *slot; (slot = &rows->slots[rows->next & (rows->room - 1)])->is_told; rows->next++) {
    rows->row(rows->user_data, &slot->result);
    slot->is_told = FALSE;
  }
}

void
request_rows_finish(RequestRows *rows)
{
  for (; rows->next < workload_count(rows->workload); rows->next++) {
    Slot *slot = &rows->slots[rows->next & (rows->room - 1)];
    RequestResult result =
        request_result_untouched(rows->next, workload_request(rows->workload, rows->next));
    rows->row(rows->user_data, slot->is_told ? &slot->result : &result);
    slot->is_told = FALSE;
  }
}
