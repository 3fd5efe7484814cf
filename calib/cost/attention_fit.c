#include "attention_fit.h"

#include <math.h>
#include <string.h>

#include "calib/curve.h"
#include "sim/units.h"

enum { LEVEL_NEW, LEVEL_DECODES, LEVEL_CACHED, LEVEL_CONTEXT, LEVELS };

/* A table over one coordinate, of tables over the next; at the last level, of times. */
typedef struct Table Table;

struct Table {
  guint n;
  double *x;
  Table **tables; /* or */
  double *ps;
};

typedef struct {
  double x[LEVELS];
  double beyond; /* tokens of the context, or before the chunk, that a window hides */
  double ps;
} Row;

enum { ALONE_TOKENS = 16384 };

/* A chunk alone in a step, with no tokens cached before it, as most prefills are. */
typedef struct {
  double ps; /* NAN: not asked yet */
  gboolean inside;
} Alone;

struct AttentionFit {
  Table *all;
  Table mixed; /* the part of `all` whose chunk lengths were measured together with decodes; borrows
                */
  gboolean has_mixed;
  double window;            /* 0: the whole context is seen */
  gboolean has_near_points; /* cached tokens may be measured 0, 1, 4 … apart */
  double least_ps;          /* the shortest time: what a kernel takes whatever its size */
  AttentionDraw draw;       /* NULL: none */
  gpointer draw_data;
  Alone *alone; /* [ALONE_TOKENS + 1], remembered by new tokens */
};

static int
compare_rows(gconstpointer a, gconstpointer b)
{
  const Row *p = a, *q = b;

  for (guint level = 0; level < LEVELS; level++)
    if (p->x[level] != q->x[level])
      return p->x[level] < q->x[level] ? -1 : 1;
  return (p->beyond > q->beyond) - (p->beyond < q->beyond);
}

static gboolean
is_same_point(const Row *a, const Row *b)
{
  return memcmp(a->x, b->x, sizeof a->x) == 0;
}

/* With a window several contexts become one point. Of those sorted rows the middle one is kept,
 * among contexts longer than the window, as some kernels take another path where it is just full.
 * Returns how many rows are left. */
static guint
keep_one_a_point(Row *rows, guint n)
{
  guint kept = 0;

  for (guint i = 0, j; i < n; i = j) {
    guint hidden = i;
    for (j = i + 1; j < n && is_same_point(&rows[i], &rows[j]);)
      j++;
    while (hidden + 1 < j && rows[hidden].beyond == 0)
      hidden++;
    rows[kept++] = rows[(hidden + j - 1) / 2];
  }
  return kept;
}

/* Nests sorted rows from `level` on. */
static Table *
table_new(const Row *rows, guint n, guint level)
{
  Table *table = g_new0(Table, 1);
  guint first = 0;

  table->x = g_new(double, n);
  if (level == LEVELS - 1)
    table->ps = g_new(double, n);
  else
    table->tables = g_new(Table *, n);
  for (guint i = 1; i <= n; i++) {
    if (i < n && rows[i].x[level] == rows[first].x[level])
      continue;
    table->x[table->n] = rows[first].x[level];
    if (table->ps != NULL)
      table->ps[table->n] = rows[first].ps;
    else
      table->tables[table->n] = table_new(rows + first, i - first, level + 1);
    table->n++;
    first = i;
  }
  return table;
}

static void
table_free(Table *table)
{
  for (guint i = 0; table->tables != NULL && i < table->n; i++)
    table_free(table->tables[i]);
  g_free(table->tables);
  g_free(table->ps);
  g_free(table->x);
  g_free(table);
}

/* Equal prompts of one step count as one chunk of all their tokens that has as many pairs: n tokens
 * of p n after (n - p n) / 2. */
static Row
row_of_prompts(const ProfileSample *sample)
{
  double each = (double)sample->shape[1], all = each * (double)sample->shape[0];

  return (Row){.x = {all, 0, (each - all) / 2, 0}, .ps = sample->median_ns * PS_PER_NS};
}

static gboolean
are_prompts(const ProfileSample *sample)
{
  return sample->shape[0] > 1 && sample->shape[2] == 0 && sample->shape[3] == 0;
}

static Row
row_of(const ProfileSample *sample, gint64 window)
{
  gint64 seen = window > 0 ? window : G_MAXINT64;
  gint64 cached = MIN(sample->shape[2], seen), context = MIN(sample->shape[4], seen);

  return (Row){
      .x = {(double)sample->shape[1], (double)sample->shape[3], (double)cached, (double)context},
      .beyond = (double)(sample->shape[2] - cached + sample->shape[4] - context),
      .ps = sample->median_ns * PS_PER_NS,
  };
}

/* Only chunk lengths that were measured with decodes: interpolation with one that was measured
 * alone would lose the decodes. */
static Table
mixed_part(const Table *all)
{
  Table mixed = {.x = g_new(double, all->n), .tables = g_new(Table *, all->n)};

  for (guint i = 0; i < all->n; i++)
    if (all->x[i] > 0 && all->tables[i]->x[all->tables[i]->n - 1] > 0) {
      mixed.x[mixed.n] = all->x[i];
      mixed.tables[mixed.n++] = all->tables[i];
    }
  return mixed;
}

AttentionFit *
attention_fit_new(const Profile *profile, const AttentionKey *key, SampleFilter skip,
                  gpointer user_data)
{
  g_autoptr(GArray) rows = g_array_new(FALSE, FALSE, sizeof(Row));
  AttentionFit *fit;
  guint n;
  const ProfileSample *samples = profile_samples(profile, key->operation, &n);
  gboolean has_near_points = key->operation == OP_MLA || key->operation == OP_ATTENTION_SPARSE;
  gboolean mixed = FALSE;

  for (guint i = 0; i < n; i++) {
    gboolean is_batch = has_near_points && are_prompts(&samples[i]);
    const Row row =
        is_batch ? row_of_prompts(&samples[i]) : row_of(&samples[i], attention_key_window(key));
    if ((samples[i].shape[0] > 1 && !is_batch) || !attention_key_is_of(key, &samples[i]) ||
        (skip != NULL && skip(&samples[i], user_data)))
      continue;
    mixed |= row.x[LEVEL_NEW] > 0 && row.x[LEVEL_DECODES] > 0;
    g_array_append_val(rows, row);
  }
  if (rows->len == 0)
    return NULL;
  g_array_sort(rows, compare_rows);
  g_array_set_size(rows, keep_one_a_point((Row *)(gpointer)rows->data, rows->len));
  fit = g_new0(AttentionFit, 1);
  fit->has_mixed = mixed;
  fit->window = (double)attention_key_window(key);
  fit->has_near_points = has_near_points;
  fit->all = table_new((const Row *)(gpointer)rows->data, rows->len, 0);
  fit->mixed = mixed_part(fit->all);
  fit->least_ps = G_MAXDOUBLE;
  for (guint i = 0; i < rows->len; i++)
    fit->least_ps = MIN(fit->least_ps, g_array_index(rows, Row, i).ps);
  fit->alone = g_new(Alone, ALONE_TOKENS + 1);
  for (guint i = 0; i <= ALONE_TOKENS; i++)
    fit->alone[i] = (Alone){.ps = NAN};
  return fit;
}

void
attention_fit_free(AttentionFit *fit)
{
  if (fit == NULL)
    return;
  g_free(fit->alone);
  g_free(fit->mixed.x);
  g_free(fit->mixed.tables);
  table_free(fit->all);
  g_free(fit);
}

double
attention_fit_pairs(const AttentionFit *fit, double n, double c)
{
  double growing = fit->window > 0 ? CLAMP(fit->window - c, 0, n) : n;

  return growing * c + growing * (growing + 1) / 2 + (n - growing) * fit->window;
}

/* The coordinate in which time is linear at each level: pairs of tokens for a chunk's length. */
static double
coordinate(const AttentionFit *fit, guint level, double x, const double *at)
{
  return level != LEVEL_NEW ? x : attention_fit_pairs(fit, x, MAX(at[LEVEL_CACHED], 0)) + x;
}

void
attention_fit_draw_by(AttentionFit *fit, AttentionDraw draw, gpointer user_data)
{
  fit->draw = draw;
  fit->draw_data = user_data;
}

enum { REACH_SPANS = 4 };

/* The end of the measured cached tokens that `cached` is further beyond than these are apart, a few
 * times; else `cached`. below, above: how far apart, for what lies on either side. */
static double
reach_of(double first, double last, double below, double above, double cached)
{
  if (first - cached > REACH_SPANS * below)
    return first;
  return cached - last > REACH_SPANS * above ? last : cached;
}

static double
row_reach(const Table *row, double cached)
{
  double first = row->x[0], last = row->x[row->n - 1];

  return reach_of(first, last, last - first, last - MAX(0, first), cached);
}

/* Chunks alone, as what they take goes by the cached tokens. */
static gboolean
draws(const AttentionFit *fit, guint level, const double *at)
{
  return fit->draw != NULL && level == LEVEL_CACHED && at[LEVEL_NEW] > 0 &&
         at[LEVEL_DECODES] == 0 && at[level] >= 0;
}

static double drawn_at(const AttentionFit *fit, const Table *row, const double *at, double reach);

static double
table_at(const AttentionFit *fit, const Table *table, guint level, const double *at,
         gboolean *inside)
{
  guint i = curve_segment(table->x, table->n, at[level]);
  guint j = MIN(i + 1, table->n - 1);
  double low, high, x, x1, x2, line, least, reach, below[LEVELS], above[LEVELS];

  if (draws(fit, level, at) && (reach = row_reach(table, at[level])) != at[level]) {
    *inside = FALSE;
    return drawn_at(fit, table, at, reach);
  }
  if (at[level] == table->x[j]) /* the last point has no segment of its own */
    i = j;

  /* Fewer cached tokens than were measured, of many short chunks: as far below as a point is above,
   * since a line through two near points is noise far from them. */
  if (fit->has_near_points && level == LEVEL_CACHED && at[level] < table->x[0])
    while (j + 1 < table->n && table->x[j] - table->x[0] < table->x[0] - at[level])
      j++;

  memcpy(below, at, sizeof below);
  memcpy(above, at, sizeof above);
  if (level == LEVEL_NEW) {
    below[level] = table->x[i];
    above[level] = table->x[j];
  }
  low =
      table->ps != NULL ? table->ps[i] : table_at(fit, table->tables[i], level + 1, below, inside);
  if (i == j || at[level] == table->x[i]) {
    *inside &= at[level] == table->x[i];
    return low;
  }
  high =
      table->ps != NULL ? table->ps[j] : table_at(fit, table->tables[j], level + 1, above, inside);
  x = coordinate(fit, level, at[level], at);
  x1 = coordinate(fit, level, table->x[i], at);
  x2 = coordinate(fit, level, table->x[j], at);
  *inside &= x >= x1 && x <= x2;
  line = low + (high - low) * (x - x1) / (x2 - x1);
  least = MIN(low, high) * 0.25;
  return line < least && draws(fit, level, at) ? drawn_at(fit, table, at, table->x[i])
                                               : MAX(line, least);
}

/* A row of one chunk length, after more or fewer cached tokens than it reaches. */
static double
drawn_at(const AttentionFit *fit, const Table *row, const double *at, double reach)
{
  double end[LEVELS] = {at[LEVEL_NEW], 0, reach, at[LEVEL_CONTEXT]}, ps;
  gboolean inside;

  ps = table_at(fit, row, LEVEL_CACHED, end, &inside);
  ps = fit->draw(fit->draw_data, ps, at[LEVEL_NEW], reach, at[LEVEL_CACHED]);
  return MAX(ps, fit->least_ps);
}

/* The time from the part of the table with prefills, or without: none is interpolated between the
 * two. */
static double
part_at(const AttentionFit *fit, gboolean prefill, const double *at, gboolean *inside)
{
  const Table *all = fit->all;
  guint skip = all->x[0] == 0 && prefill ? 1 : 0;
  Table part = {.n = prefill ? all->n - skip : 1, .x = all->x + skip, .tables = all->tables + skip};

  if (part.n == 0 || part.n > all->n || (!prefill && all->x[0] != 0)) {
    *inside = FALSE;
    return fit->least_ps;
  }
  return table_at(fit, &part, LEVEL_NEW, at, inside);
}

static double
prefill_at(const AttentionFit *fit, const double *at, gboolean *inside)
{
  guint tokens = at[LEVEL_NEW] <= ALONE_TOKENS ? (guint)at[LEVEL_NEW] : 0;
  Alone *alone = &fit->alone[tokens];

  if ((double)tokens != at[LEVEL_NEW] || at[LEVEL_CACHED] != 0 || at[LEVEL_DECODES] != 0 ||
      at[LEVEL_CONTEXT] != 0)
    return part_at(fit, TRUE, at, inside);
  if (isnan(alone->ps)) {
    alone->inside = TRUE;
    alone->ps = part_at(fit, TRUE, at, &alone->inside);
  }
  *inside &= alone->inside;
  return alone->ps;
}

double
attention_fit_ps(const AttentionFit *fit, const AttentionPoint *point, gboolean *measured)
{
  double at[LEVELS] = {point->new_tokens, point->decodes, point->cached_tokens, point->context};
  gboolean prefill = point->new_tokens > 0;

  *measured = TRUE;
  if (prefill && point->decodes > 0 && fit->has_mixed)
    return table_at(fit, &fit->mixed, LEVEL_NEW, at, measured);
  if (prefill && point->decodes > 0) {
    const AttentionPoint alone = {.new_tokens = point->new_tokens,
                                  .cached_tokens = point->cached_tokens};
    const AttentionPoint decode = {.decodes = point->decodes, .context = point->context};
    gboolean first, second;
    double sum = attention_fit_ps(fit, &alone, &first) + attention_fit_ps(fit, &decode, &second);
    *measured = FALSE;
    return MAX(sum - fit->least_ps, fit->least_ps);
  }
  return prefill ? prefill_at(fit, at, measured) : part_at(fit, FALSE, at, measured);
}

double
attention_fit_reach(const AttentionFit *fit, double new_tokens, double cached)
{
  const Table *all = fit->all;
  guint from = curve_segment(all->x, all->n, new_tokens), to = MIN(from + 1, all->n - 1);
  double first = -G_MAXDOUBLE, last = G_MAXDOUBLE, below = G_MAXDOUBLE, above = G_MAXDOUBLE;

  if (all->x[from] == new_tokens)
    to = from;
  else if (all->x[to] == new_tokens)
    from = to;
  for (guint j = from; j <= to; j++) {
    const Table *chunks = all->tables[j]->tables[0]; /* with the fewest decodes */
    if (all->x[j] == 0)
      continue;
    first = MAX(first, chunks->x[0]);
    last = MIN(last, chunks->x[chunks->n - 1]);
    below = MIN(below, chunks->x[chunks->n - 1] - chunks->x[0]);
    above = MIN(above, chunks->x[chunks->n - 1] - MAX(0, chunks->x[0]));
  }
  if (fit->draw != NULL && first > last && cached >= 0)
    return cached;
  return reach_of(first, last, below, above, cached);
}

static void
add_contexts(const Table *table, GArray *contexts)
{
  for (guint i = 0; i < table->n; i++) {
    gboolean there = FALSE;
    for (guint j = 0; j < contexts->len; j++)
      there |= g_array_index(contexts, double, j) == table->x[i];
    if (!there)
      g_array_append_val(contexts, table->x[i]);
  }
}

gboolean
attention_fit_has(const AttentionFit *fit, gboolean prefills, gboolean decodes)
{
  const Table *all = fit->all;

  return all->n > 0 && (!prefills || all->x[all->n - 1] > 0) && (!decodes || all->x[0] == 0);
}

double *
attention_fit_contexts(const AttentionFit *fit, double decodes, guint *n)
{
  GArray *contexts = g_array_new(FALSE, FALSE, sizeof(double));
  const Table *by_decodes = fit->all->x[0] == 0 ? fit->all->tables[0] : NULL;

  if (by_decodes != NULL) {
    guint i = curve_segment(by_decodes->x, by_decodes->n, decodes);
    for (guint j = i; j <= MIN(i + 1, by_decodes->n - 1); j++)
      add_contexts(by_decodes->tables[j]->tables[0], contexts);
  }
  g_array_sort(contexts, curve_compare_doubles);
  *n = contexts->len;
  return (double *)(gpointer)g_array_free(contexts, FALSE);
}
