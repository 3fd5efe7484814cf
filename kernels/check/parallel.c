/* Threads take the next number until there is none. They are made anew each time: what they do
 * takes milliseconds. */
#include "parallel.h"

enum { THREADS_MAX = 64 };

typedef struct {
  gsize count;
  gsize next; /* atomic */
  void (*call)(gpointer data, gsize i);
  gpointer data;
} Work;

static GPrivate is_worker;

static gpointer
work_through(gpointer data)
{
  Work *work = data;
  gsize i;

  g_private_set(&is_worker, work);
  while ((i = (gsize)g_atomic_pointer_add(&work->next, 1)) < work->count)
    work->call(work->data, i);
  g_private_set(&is_worker, NULL);
  return NULL;
}

void
parallel_for(gsize count, void (*call)(gpointer data, gsize i), gpointer data)
{
  Work work = {.count = count, .call = call, .data = data};
  GThread *threads[THREADS_MAX];
  gsize num_threads = MIN(MIN(g_get_num_processors(), THREADS_MAX), count), started = 0;

  if (g_private_get(&is_worker) != NULL || num_threads < 2) {
    for (gsize i = 0; i < count; i++)
      call(data, i);
    return;
  }
  while (started < num_threads - 1 && /* this one works, too, alone where no other can be had */
         (threads[started] = g_thread_try_new("reference", work_through, &work, NULL)) != NULL)
    started++;
  work_through(&work);
  while (started > 0)
    g_thread_join(threads[--started]);
}
