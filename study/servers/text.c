/* The outputs of `spillway servers`: a table for people, JSON and CSV for programs. */
#include "servers.h"

#include <math.h>
#include <stdlib.h>

#include "report/text/format.h"
#include "report/text/table.h"
#include "report/text/json_values.h"

#define WORST 10

/* "+4.2 %"; "–" where there is none. */
static char *
percent(double fraction, gboolean is_signed)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (isnan(fraction))
    return g_strdup("–");
  g_ascii_formatd(buffer, sizeof buffer, is_signed ? "%+.1f" : "%.1f", fraction * 100);
  return g_strconcat(buffer, " %", NULL);
}

static void
append_groups(GString *text, const GPtrArray *points)
{
  g_autoptr(GArray) groups = servers_groups(points);
  g_autoptr(Table) table = table_new("lrrrrrrr");
  static const char *const head[] = {"",     "n",           "TTFT median", "|median|",
                                     "mean", "TPOT median", "|median|",    "mean"};

  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint i = 0; i < groups->len; i++) {
    const ServerGroup *group = &g_array_index(groups, ServerGroup, i);
    const ServerError *const errors[] = {&group->ttft, &group->tpot};
    if (group->n == 0)
      continue;
    table_take(table, server_group_name(group));
    table_take(table, g_strdup_printf("%u", group->n));
    for (guint e = 0; e < G_N_ELEMENTS(errors); e++) {
      table_take(table, percent(errors[e]->median, TRUE));
      table_take(table, percent(errors[e]->median_abs, FALSE));
      table_take(table, percent(errors[e]->mean_abs, FALSE));
    }
  }
  table_append(table, "", text);
}

/* The larger of both errors, by size; 0 where there is none. */
static double
worst_of(const ServerPoint *point)
{
  double ttft = fabs(server_ttft_error(point)), tpot = fabs(server_tpot_error(point));

  return fmax(isnan(ttft) ? 0 : ttft, isnan(tpot) ? 0 : tpot);
}

typedef struct {
  guint index;
  double error;
} Ranked;

static int
compare_ranked(const void *a, const void *b)
{
  const Ranked *x = a, *y = b;

  if (x->error != y->error)
    return x->error < y->error ? 1 : -1;
  return (x->index > y->index) - (x->index < y->index);
}

static char *
milliseconds(double ms)
{
  return isnan(ms) ? g_strdup("–") : format_number(ms);
}

static void
append_worst(GString *text, const GPtrArray *points)
{
  g_autofree Ranked *ranked = g_new(Ranked, MAX(points->len, 1));
  g_autoptr(Table) table = table_new("lrrrrrr");
  static const char *const head[] = {"The worst ten", "TTFT ms",   "predicted", "error",
                                     "TPOT ms",       "predicted", "error"};

  for (guint i = 0; i < points->len; i++)
    ranked[i] = (Ranked){i, worst_of(g_ptr_array_index(points, i))};
  qsort(ranked, points->len, sizeof *ranked, compare_ranked);
  for (guint i = 0; i < G_N_ELEMENTS(head); i++)
    table_add(table, head[i]);
  for (guint i = 0; i < MIN(points->len, WORST) && ranked[i].error > 0; i++) {
    const ServerPoint *point = g_ptr_array_index(points, ranked[i].index);
    table_add(table, point->id);
    table_take(table, milliseconds(point->published_ttft_ms));
    table_take(table, milliseconds(point->predicted_ttft_ms));
    table_take(table, percent(server_ttft_error(point), TRUE));
    table_take(table, milliseconds(point->published_tpot_ms));
    table_take(table, milliseconds(point->predicted_tpot_ms));
    table_take(table, percent(server_tpot_error(point), TRUE));
  }
  table_append(table, "", text);
}

/* Each reason once, in the order in which it first comes. */
/* What in the files contradicts itself. */
static void
append_doubts(GString *text, const GPtrArray *points)
{
  gboolean any = FALSE;

  for (guint i = 0; i < points->len; i++) {
    const ServerPoint *point = g_ptr_array_index(points, i);
    if (point->doubt == NULL)
      continue;
    g_string_append(text, any ? "" : "\nDoubtful:\n");
    g_string_append_printf(text, "  %s: %s\n", point->id, point->doubt);
    any = TRUE;
  }
}

static void
append_refused(GString *text, const GPtrArray *points)
{
  g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
  guint refused = 0;

  for (guint i = 0; i < points->len; i++) {
    const ServerPoint *point = g_ptr_array_index(points, i);
    gpointer n = point->refused != NULL ? g_hash_table_lookup(counts, point->refused) : NULL;
    if (point->refused == NULL)
      continue;
    refused++;
    g_hash_table_insert(counts, point->refused, GUINT_TO_POINTER(GPOINTER_TO_UINT(n) + 1));
  }
  if (refused == 0)
    return;
  g_string_append_printf(text, "\n%u of %u points are not predicted:\n", refused, points->len);
  for (guint i = 0; i < points->len; i++) {
    const ServerPoint *point = g_ptr_array_index(points, i);
    gpointer n;
    if (point->refused == NULL || (n = g_hash_table_lookup(counts, point->refused)) == NULL)
      continue;
    g_string_append_printf(text, "  %4u  %s\n", GPOINTER_TO_UINT(n), point->refused);
    g_hash_table_remove(counts, point->refused);
  }
}

static gboolean
has_engine(const GPtrArray *points, const char *engine)
{
  for (guint i = 0; i < points->len; i++)
    if (g_str_equal(((ServerPoint *)g_ptr_array_index(points, i))->engine, engine))
      return TRUE;
  return FALSE;
}

char *
servers_text(const GPtrArray *points)
{
  GString *text = g_string_new("Error of the predicted mean: the median, the median of its size, "
                               "the mean of its size.\n\n");

  append_groups(text, points);
  g_string_append_c(text, '\n');
  append_worst(text, points);
  append_refused(text, points);
  append_doubts(text, points);
  if (has_engine(points, "trtllm"))
    g_string_append(text,
                    "\nTTFT of TensorRT-LLM is of another client, which counts otherwise; its "
                    "TPOT is comparable.\n");
  return g_string_free(text, FALSE);
}

static json_t *
point_to_json(const ServerPoint *point)
{
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", json_text_or_null(point->id),
                   "published_ttft_ms", json_real_or_null(point->published_ttft_ms),
                   "published_tpot_ms", json_real_or_null(point->published_tpot_ms),
                   "predicted_ttft_ms", json_real_or_null(point->predicted_ttft_ms),
                   "predicted_tpot_ms", json_real_or_null(point->predicted_tpot_ms), "refused",
                   json_text_or_null(point->refused), "doubt", json_text_or_null(point->doubt));
}

static json_t *
error_to_json(const ServerError *error)
{
  return json_pack("{s:o, s:o, s:o}", "median_error", json_real_or_null(error->median),
                   "median_absolute_error", json_real_or_null(error->median_abs),
                   "mean_absolute_error", json_real_or_null(error->mean_abs));
}

static json_t *
group_to_json(const ServerGroup *group)
{
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:o}", "card",
                   json_text_or_null(group->card), "engine", json_text_or_null(group->engine),
                   "model", json_text_or_null(group->model), "precision",
                   json_text_or_null(group->precision), "tp",
                   group->tp > 0 ? json_integer(group->tp) : json_null(), "n", (int)group->n,
                   "refused", (int)group->refused, "ttft", error_to_json(&group->ttft), "tpot",
                   error_to_json(&group->tpot));
}

static json_t *
groups_to_json(const GPtrArray *points)
{
  g_autoptr(GArray) groups = servers_groups(points);
  json_t *array = json_array();

  for (guint i = 0; i < groups->len; i++)
    json_array_append_new(array, group_to_json(&g_array_index(groups, ServerGroup, i)));
  return array;
}

char *
servers_json(const GPtrArray *points)
{
  json_t *array = json_array(), *root;
  g_autofree char *text = NULL;

  for (guint i = 0; i < points->len; i++)
    json_array_append_new(array, point_to_json(g_ptr_array_index(points, i)));
  root = json_pack("{s:o, s:o}", "points", array, "groups", groups_to_json(points));
  text = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  json_decref(root);
  return g_strconcat(text, "\n", NULL);
}

static void
append_real(GString *text, double value)
{
  char buffer[FORMAT_SECONDS_MAX];

  g_string_append_printf(text, ",%s", isfinite(value) ? format_real(value, buffer) : "");
}

char *
servers_csv(const GPtrArray *points)
{
  GString *text = g_string_new("id,card,engine,model,precision,tp,concurrency,published_ttft_ms,"
                               "published_tpot_ms,predicted_ttft_ms,predicted_tpot_ms,refused,"
                               "doubt\n");

  for (guint i = 0; i < points->len; i++) {
    const ServerPoint *p = g_ptr_array_index(points, i);
    const char *const texts[] = {p->id, p->card, p->engine, p->model, p->precision};
    for (guint t = 0; t < G_N_ELEMENTS(texts); t++) {
      g_string_append(text, t > 0 ? "," : "");
      format_csv_cell(text, texts[t]);
    }
    g_string_append_printf(text, ",%u,%u", p->tp, p->concurrency);
    append_real(text, p->published_ttft_ms);
    append_real(text, p->published_tpot_ms);
    append_real(text, p->predicted_ttft_ms);
    append_real(text, p->predicted_tpot_ms);
    g_string_append_c(text, ',');
    format_csv_cell(text, p->refused != NULL ? p->refused : "");
    g_string_append_c(text, ',');
    format_csv_cell(text, p->doubt != NULL ? p->doubt : "");
    g_string_append_c(text, '\n');
  }
  return g_string_free(text, FALSE);
}

json_t *
servers_page_data(const GPtrArray *points)
{
  json_t *array = json_array();

  for (guint i = 0; i < points->len; i++) {
    const ServerPoint *p = g_ptr_array_index(points, i);
    json_t *one = point_to_json(p);
    json_object_set_new(one, "card", json_text_or_null(p->card));
    json_object_set_new(one, "engine", json_text_or_null(p->engine));
    json_object_set_new(one, "model", json_text_or_null(p->model));
    json_object_set_new(one, "precision", json_text_or_null(p->precision));
    json_object_set_new(one, "tp", json_integer(p->tp));
    json_object_set_new(one, "concurrency", json_integer(p->concurrency));
    json_array_append_new(array, one);
  }
  return json_pack("{s:o, s:o}", "points", array, "groups", groups_to_json(points));
}
