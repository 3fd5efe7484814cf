#include "files/output.h"
#include "store.h"

#include <string.h>

enum { STORE_FORMAT = 1 };

struct PosterStore {
  char *folder;
  json_t *identity;
};

PosterStore *
poster_store_new(const char *folder, json_t *identity)
{
  PosterStore *store = g_new0(PosterStore, 1);

  store->folder = g_strdup(folder);
  store->identity = identity;
  return store;
}

void
poster_store_free(PosterStore *store)
{
  if (store == NULL)
    return;
  g_free(store->folder);
  json_decref(store->identity);
  g_free(store);
}

static char *
path_of(const PosterStore *store, const char *name)
{
  g_autofree char *file = g_strconcat(name, ".json", NULL);

  return g_build_filename(store->folder, file, NULL);
}

json_t *
poster_store_find(const PosterStore *store, const char *name)
{
  g_autofree char *path = path_of(store, name);
  json_auto_t *root = json_load_file(path, 0, NULL);

  if (json_integer_value(json_object_get(root, "format")) != STORE_FORMAT ||
      !json_equal(json_object_get(root, "study"), store->identity))
    return NULL;
  return json_incref(json_object_get(root, "measured"));
}

gboolean
poster_store_keep(const PosterStore *store, const char *name, json_t *content, GError **error)
{
  g_autofree char *path = path_of(store, name);
  json_auto_t *root = json_pack("{s:i, s:O, s:o}", "format", STORE_FORMAT, "study", store->identity,
                                "measured", content);
  char *dump = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17));
  gboolean worked = output_write(path, dump, -1, error);

  free(dump);
  return worked;
}

static json_t *
windows_to_json(const GArray *windows)
{
  json_t *array = json_array();

  for (guint i = 0; i < windows->len; i++) {
    const PosterWindow *w = &g_array_index(windows, PosterWindow, i);
    json_array_append_new(array, json_pack("[f, f, f, f, i, i, i, i, i, b]", w->time_s, w->length_s,
                                           w->tokens_per_s, w->output_tokens_per_s,
                                           (int)w->gpu_blocks, (int)w->evicted, (int)w->resumed,
                                           (int)w->new_tokens, (int)w->resumed_tokens, w->rise));
  }
  return array;
}

static json_t *
events_to_json(const GArray *events)
{
  json_t *array = json_array();

  for (guint i = 0; i < events->len; i++) {
    const PosterEvent *e = &g_array_index(events, PosterEvent, i);
    json_array_append_new(array,
                          json_pack("[I, I, i, i, i, i, i, i, i]", (json_int_t)e->start_ps,
                                    (json_int_t)e->end_ps, (int)e->evicted, (int)e->resumed,
                                    (int)e->admitted, (int)e->new_tokens, (int)e->resumed_tokens,
                                    (int)e->before_blocks, (int)e->after_blocks));
  }
  return array;
}

json_t *
poster_run_to_json(const PosterRun *run, const PosterTimeline *timeline)
{
  json_t *json = json_pack(
      "{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "gpu_blocks", (int)run->num_gpu_blocks,
      "end", run_end_name(run->end), "makespan_ps", (json_int_t)run->makespan_ps, "recompute_ps",
      (json_int_t)run->recompute_ps, "copy_ps", (json_int_t)run->copy_ps, "lost_ps",
      (json_int_t)run->lost_ps, "preemptions", (json_int_t)run->preemptions, "fallbacks",
      (json_int_t)run->fallbacks, "finished", (json_int_t)run->finished);

  if (timeline != NULL) {
    json_object_set_new(json, "windows", windows_to_json(poster_timeline_windows(timeline)));
    json_object_set_new(json, "events", events_to_json(poster_timeline_events(timeline)));
  }
  return json;
}

static gboolean
windows_from_json(json_t *json, GArray *windows)
{
  size_t i;
  json_t *item;

  json_array_foreach(json, i, item)
  {
    PosterWindow w = {0};
    int rise = 0;
    if (json_unpack(item, "[F, F, F, F, i, i, i, i, i, b]", &w.time_s, &w.length_s, &w.tokens_per_s,
                    &w.output_tokens_per_s, &w.gpu_blocks, &w.evicted, &w.resumed, &w.new_tokens,
                    &w.resumed_tokens, &rise) != 0)
      return FALSE;
    w.rise = rise;
    g_array_append_val(windows, w);
  }
  return windows->len > 0;
}

static gboolean
events_from_json(json_t *json, GArray *events)
{
  size_t i;
  json_t *item;

  json_array_foreach(json, i, item)
  {
    PosterEvent e = {0};
    json_int_t start_ps, end_ps;
    if (json_unpack(item, "[I, I, i, i, i, i, i, i, i]", &start_ps, &end_ps, &e.evicted, &e.resumed,
                    &e.admitted, &e.new_tokens, &e.resumed_tokens, &e.before_blocks,
                    &e.after_blocks) != 0)
      return FALSE;
    e.start_ps = start_ps;
    e.end_ps = end_ps;
    g_array_append_val(events, e);
  }
  return TRUE;
}

static gboolean
timeline_from_json(json_t *json, guint32 num_gpu_blocks, PosterTimeline **timeline)
{
  g_autoptr(GArray) windows = g_array_new(FALSE, TRUE, sizeof(PosterWindow));
  g_autoptr(GArray) events = g_array_new(FALSE, TRUE, sizeof(PosterEvent));

  if (!windows_from_json(json_object_get(json, "windows"), windows) ||
      !events_from_json(json_object_get(json, "events"), events))
    return FALSE;
  *timeline = poster_timeline_restore(num_gpu_blocks, windows, events);
  return TRUE;
}

static gboolean
end_from_name(const char *name, RunEnd *end)
{
  static const RunEnd ends[] = {RUN_DONE, RUN_ABORT, RUN_STUCK, RUN_LIVELOCK};

  for (guint i = 0; i < G_N_ELEMENTS(ends); i++)
    if (g_str_equal(run_end_name(ends[i]), name)) {
      *end = ends[i];
      return TRUE;
    }
  return FALSE;
}

gboolean
poster_run_from_json(json_t *json, PosterRun *run, PosterTimeline **timeline)
{
  json_int_t makespan, recompute, copy, lost, preemptions, fallbacks, finished;
  const char *end;
  int blocks;

  if (json_unpack(json, "{s:i, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "gpu_blocks", &blocks,
                  "end", &end, "makespan_ps", &makespan, "recompute_ps", &recompute, "copy_ps",
                  &copy, "lost_ps", &lost, "preemptions", &preemptions, "fallbacks", &fallbacks,
                  "finished", &finished) != 0)
    return FALSE;
  *run = (PosterRun){.num_gpu_blocks = (guint32)blocks,
                     .makespan_ps = makespan,
                     .recompute_ps = recompute,
                     .copy_ps = copy,
                     .lost_ps = lost,
                     .preemptions = (guint64)preemptions,
                     .fallbacks = (guint64)fallbacks,
                     .finished = (guint64)finished};
  return end_from_name(end, &run->end) &&
         (timeline == NULL || timeline_from_json(json, run->num_gpu_blocks, timeline));
}

json_t *
poster_costs_to_json(const CrossoverCost *costs, guint n)
{
  json_t *array = json_array();

  for (guint i = 0; i < n; i++)
    json_array_append_new(array, json_pack("{s:i, s:I, s:I, s:I}", "tokens", (int)poster_lengths[i],
                                           "recompute_ps", (json_int_t)costs[i].recompute_ps,
                                           "swap_out_ps", (json_int_t)costs[i].swap_out_ps,
                                           "swap_in_ps", (json_int_t)costs[i].swap_in_ps));
  return array;
}

gboolean
poster_costs_from_json(json_t *json, CrossoverCost *costs, guint n)
{
  if (json_array_size(json) != n)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    json_int_t recompute, out, in;
    if (json_unpack(json_array_get(json, i), "{s:I, s:I, s:I}", "recompute_ps", &recompute,
                    "swap_out_ps", &out, "swap_in_ps", &in) != 0)
      return FALSE;
    costs[i] = (CrossoverCost){recompute, out, in};
  }
  return TRUE;
}
