#include "workload.h"

#include "units.h"

enum { ID_QUICK_DIGITS = 18 };

Workload *
workload_new(void)
{
  Workload *workload = g_new0(Workload, 1);
  workload->requests = g_array_new(FALSE, FALSE, sizeof(Request));
  workload->hashes = g_array_new(FALSE, FALSE, sizeof(guint64));
  return workload;
}

/* The ids that requests have without ids of their own: 0 … count − 1. */
static GArray *
index_ids(guint32 count)
{
  GArray *ids = g_array_sized_new(FALSE, FALSE, sizeof(gint64), count + 1);

  for (gint64 i = 0; i < count; i++)
    g_array_append_val(ids, i);
  return ids;
}

static gpointer
copy_name(gconstpointer name, gpointer data G_GNUC_UNUSED)
{
  return g_strdup(name);
}

/* Gives the copy arrays of its own for all that workload_swap() changes. */
static void
own_all(Workload *copy)
{
  GArray *ids = copy->ids, *priorities = copy->priorities;
  GPtrArray *names = copy->names;

  copy->turns = g_array_copy(copy->turns);
  if (priorities != NULL) {
    copy->priorities = g_array_copy(priorities);
    g_array_unref(priorities);
  }
  if (names != NULL) {
    copy->names = g_ptr_array_copy(names, copy_name, NULL);
    g_ptr_array_set_free_func(copy->names, g_free);
    g_ptr_array_unref(names);
    return;
  }
  copy->ids = ids != NULL ? g_array_copy(ids) : index_ids(copy->requests->len);
  if (ids != NULL)
    g_array_unref(ids);
}

Workload *
workload_copy(const Workload *workload)
{
  Workload *copy = g_memdup2(workload, sizeof *workload);

  copy->requests = g_array_copy(workload->requests);
  g_array_ref(copy->hashes);
  if (copy->ids != NULL)
    g_array_ref(copy->ids);
  if (copy->priorities != NULL)
    g_array_ref(copy->priorities);
  if (copy->names != NULL)
    g_ptr_array_ref(copy->names);
  if (copy->turns != NULL)
    own_all(copy);
  if (copy->sessions != NULL)
    copy->sessions = g_array_copy(copy->sessions);
  return copy;
}

void
workload_free(Workload *workload)
{
  if (workload == NULL)
    return;
  g_array_unref(workload->requests);
  g_array_unref(workload->hashes);
  g_clear_pointer(&workload->ids, g_array_unref);
  g_clear_pointer(&workload->priorities, g_array_unref);
  g_clear_pointer(&workload->turns, g_array_unref);
  g_clear_pointer(&workload->sessions, g_array_unref);
  g_clear_pointer(&workload->names, g_ptr_array_unref);
  g_free(workload);
}

/* TRUE for the canonical text of a gint64, so that printing the number gives the text back. */
static gboolean
id_is_integer(const char *id, gint64 *value)
{
  const char *digits = id + (*id == '-'), *c = digits;
  gint64 sum = 0;

  while (g_ascii_isdigit(*c) && c - digits < ID_QUICK_DIGITS)
    sum = sum * 10 + (*c++ - '0');
  *value = digits > id ? -sum : sum;
  if (g_ascii_isdigit(*c)) { /* as many as may overflow */
    char text[24];
    *value = g_ascii_strtoll(id, NULL, 10);
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, *value);
    return g_str_equal(text, id);
  }
  return c > digits && *c == '\0' && (*digits != '0' || (c - digits == 1 && digits == id));
}

/* Ids are kept in the cheapest of three forms: none (they are the indices), numbers, texts. */
static void
add_id(Workload *workload, const char *id)
{
  guint32 index = workload->requests->len; /* of the request being added */
  gint64 number = index;

  if (workload->names == NULL && workload->ids == NULL) {
    if (id == NULL || (id_is_integer(id, &number) && number == index))
      return;
    workload->ids = index_ids(index);
    number = index;
  }
  if (workload->names == NULL) {
    if (id == NULL || id_is_integer(id, &number)) {
      g_array_append_val(workload->ids, number);
      return;
    }
    workload->names = g_ptr_array_new_with_free_func(g_free);
    for (guint32 i = 0; i < index; i++)
      g_ptr_array_add(workload->names, g_strdup_printf("%" G_GINT64_FORMAT,
                                                       g_array_index(workload->ids, gint64, i)));
    g_clear_pointer(&workload->ids, g_array_unref);
  }
  g_ptr_array_add(workload->names, id != NULL ? g_strdup(id) : g_strdup_printf("%u", index));
}

/* Requests without a turn yet wait for nobody. */
static void
append_roots(Workload *workload)
{
  const Turn root = {.after = NO_TURN};

  while (workload->turns->len < workload->requests->len)
    g_array_append_val(workload->turns, root);
}

void
workload_add(Workload *workload, const Request *request, const char *id, const guint64 *hashes)
{
  Request copy = *request;

  add_id(workload, id);
  copy.hash_first = workload->hashes->len;
  if (copy.hash_count > 0)
    g_array_append_vals(workload->hashes, hashes, copy.hash_count);
  if (copy.max_tokens > copy.output_tokens)
    workload->has_max_tokens = TRUE;
  g_array_append_val(workload->requests, copy);
  if (workload->priorities != NULL)
    g_array_set_size(workload->priorities, workload->requests->len);
  if (workload->turns != NULL)
    append_roots(workload);
}

void
workload_set_priority(Workload *workload, gint32 priority)
{
  guint n = workload_count(workload);

  if (workload->priorities == NULL && priority == 0)
    return;
  if (workload->priorities == NULL)
    workload->priorities = g_array_new(FALSE, TRUE, sizeof(gint32));
  g_array_set_size(workload->priorities, n);
  g_array_index(workload->priorities, gint32, n - 1) = priority;
}

gboolean
workload_set_turn(Workload *workload, guint32 after, gint64 delay_ps)
{
  guint32 index = workload_count(workload) - 1;
  gint64 answer_ps = workload_request(workload, after)->arrival_ps;

  g_assert(after < index && delay_ps >= 0);
  if (delay_ps > TIME_MAX_PS || answer_ps > TIME_MAX_PS - delay_ps - 1)
    return FALSE;
  if (workload->turns == NULL)
    workload->turns = g_array_new(FALSE, FALSE, sizeof(Turn));
  append_roots(workload);
  g_array_index(workload->turns, Turn, index) = (Turn){.after = after, .delay_ps = delay_ps};
  workload_set_arrival(workload, index, answer_ps + delay_ps + 1); /* an answer takes time */
  return TRUE;
}

static void
swap_elements(GArray *array, guint32 a, guint32 b)
{
  gsize bytes = g_array_get_element_size(array);
  char *x = array->data + a * bytes, *y = array->data + b * bytes;

  for (gsize i = 0; i < bytes; i++) {
    char c = x[i];
    x[i] = y[i];
    y[i] = c;
  }
}

void
workload_swap(Workload *workload, guint32 a, guint32 b)
{
  GArray *const arrays[] = {workload->requests, workload->ids, workload->priorities,
                            workload->turns, workload->sessions};

  for (guint i = 0; i < G_N_ELEMENTS(arrays) && a != b; i++)
    if (arrays[i] != NULL)
      swap_elements(arrays[i], a, b);
  if (workload->names != NULL && a != b) {
    gpointer name = g_ptr_array_index(workload->names, a);
    g_ptr_array_index(workload->names, a) = g_ptr_array_index(workload->names, b);
    g_ptr_array_index(workload->names, b) = name;
  }
}

Request *
workload_extend(Workload *workload, guint32 count)
{
  guint32 first = workload->requests->len;

  g_array_set_size(workload->requests, first + count);
  return &g_array_index(workload->requests, Request, first);
}

gboolean
workload_has_ids(const Workload *workload)
{
  for (guint32 i = 0; workload->ids != NULL && i < workload_count(workload); i++)
    if (g_array_index(workload->ids, gint64, i) != i)
      return TRUE;
  return workload->names != NULL;
}

gboolean
workload_ids_ascend(const Workload *workload)
{
  const GArray *ids = workload->ids;

  for (guint i = 1; ids != NULL && i < ids->len; i++)
    if (g_array_index(ids, gint64, i - 1) >= g_array_index(ids, gint64, i))
      return FALSE;
  return workload->names == NULL;
}

static gint64
numeric_id(const Workload *workload, guint32 index)
{
  return workload->ids != NULL ? g_array_index(workload->ids, gint64, index) : index;
}

static int
compare_arrival(gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Workload *workload = user_data;
  guint32 i = *(const guint32 *)a, j = *(const guint32 *)b;
  gint64 x = workload_request(workload, i)->arrival_ps,
         y = workload_request(workload, j)->arrival_ps;

  if (x == y && workload->ids != NULL) {
    x = numeric_id(workload, i);
    y = numeric_id(workload, j);
  }
  if (x == y)
    return i < j ? -1 : i > j;
  return x < y ? -1 : 1;
}

static void
permute_turns(Workload *workload, const guint32 *order)
{
  guint32 n = workload_count(workload);
  g_autofree guint32 *place = g_new(guint32, n);
  GArray *turns = g_array_sized_new(FALSE, FALSE, sizeof(Turn), n);

  for (guint32 i = 0; i < n; i++)
    place[order[i]] = i;
  for (guint32 i = 0; i < n; i++) {
    Turn turn = *workload_turn(workload, order[i]);
    if (turn.after != NO_TURN)
      turn.after = place[turn.after];
    g_array_append_val(turns, turn);
  }
  g_array_unref(workload->turns);
  workload->turns = turns;
}

/* Replaces an array by one whose i-th element is the old one's order[i]-th. */
static void
permute_array(GArray **array, const guint32 *order)
{
  guint n = (*array)->len, bytes = g_array_get_element_size(*array);
  GArray *permuted = g_array_sized_new(FALSE, TRUE, bytes, n);

  for (guint i = 0; i < n; i++)
    g_array_append_vals(permuted, (*array)->data + (gsize)order[i] * bytes, 1);
  g_array_unref(*array);
  *array = permuted;
}

/* Puts requests, and all that is theirs, into the order of `order`. */
static void
permute(Workload *workload, const guint32 *order)
{
  guint32 n = workload_count(workload);

  if (workload->turns != NULL)
    permute_turns(workload, order);
  if (workload->priorities != NULL)
    permute_array(&workload->priorities, order);
  permute_array(&workload->requests, order);
  if (workload->names != NULL) {
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    for (guint32 i = 0; i < n; i++)
      g_ptr_array_add(names, g_steal_pointer(&g_ptr_array_index(workload->names, order[i])));
    g_ptr_array_unref(workload->names);
    workload->names = names;
  } else {
    if (workload->ids == NULL)
      workload->ids = index_ids(n);
    permute_array(&workload->ids, order);
  }
}

gboolean
workload_repeats_id(const Workload *workload, guint32 *again, guint32 *before)
{
  g_autoptr(GHashTable) seen = NULL; /* id → place + 1 */

  if (workload_ids_ascend(workload))
    return FALSE;
  seen = workload->names != NULL ? g_hash_table_new(g_str_hash, g_str_equal)
                                 : g_hash_table_new(g_int64_hash, g_int64_equal);
  for (guint32 i = 0; i < workload_count(workload); i++) {
    gpointer key = workload->names != NULL ? g_ptr_array_index(workload->names, i)
                                           : (gpointer)&g_array_index(workload->ids, gint64, i);
    gsize place = GPOINTER_TO_SIZE(g_hash_table_lookup(seen, key));
    if (place > 0) {
      *again = i;
      *before = (guint32)place - 1;
      return TRUE;
    }
    g_hash_table_insert(seen, key, GSIZE_TO_POINTER((gsize)i + 1));
  }
  return FALSE;
}

static gboolean
check_unique(const Workload *workload, GError **error)
{
  guint32 again, before;
  char buffer[24];

  if (!workload_repeats_id(workload, &again, &before))
    return TRUE;
  g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
              "two requests have the id %s; ids must be unique",
              workload_id(workload, again, buffer));
  return FALSE;
}

gboolean
workload_seal(Workload *workload, GError **error)
{
  guint32 n = workload_count(workload);
  const Request *request = (const Request *)(gpointer)workload->requests->data;
  gboolean ordered = TRUE;

  if (!check_unique(workload, error))
    return FALSE;
  for (guint32 i = 1; i < n; i++) {
    guint32 a = i - 1;
    gint64 gap_ps = request[i].arrival_ps - request[a].arrival_ps;
    if (gap_ps < 0 || (gap_ps == 0 && compare_arrival(&a, &i, workload) > 0))
      ordered = FALSE;
  }
  if (!ordered) {
    g_autofree guint32 *order = g_new(guint32, n);
    for (guint32 i = 0; i < n; i++)
      order[i] = i;
    g_qsort_with_data(order, (gint)n, sizeof(guint32), compare_arrival, workload);
    permute(workload, order);
  }
  return TRUE;
}

gboolean
workload_trim(Workload *workload, guint32 limit, double time_scale, GError **error)
{
  if (limit > 0 && limit < workload_count(workload))
    g_array_set_size(workload->requests, limit);
  if (workload->turns != NULL)
    g_array_set_size(workload->turns, workload_count(workload));
  if (time_scale == 1.0)
    return TRUE;
  for (guint32 i = 0; i < workload_count(workload); i++) {
    Request *request = &g_array_index(workload->requests, Request, i);
    double scaled_ps = (double)request->arrival_ps * time_scale;
    if (!(scaled_ps >= 0 && scaled_ps < (double)TIME_MAX_PS)) {
      char buffer[24];
      g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
                  "request %s would arrive after %.3g s with this time scale; %.3g s is the latest",
                  workload_id(workload, i, buffer), scaled_ps / PS_PER_S, ps_to_s(TIME_MAX_PS));
      return FALSE;
    }
    request->arrival_ps = (gint64)(scaled_ps + 0.5);
    if (workload->turns != NULL) { /* a delay is at most the arrival, which fits */
      Turn *turn = &g_array_index(workload->turns, Turn, i);
      turn->delay_ps = (gint64)((double)turn->delay_ps * time_scale + 0.5);
    }
  }
  return TRUE;
}

const char *
workload_id(const Workload *workload, guint32 index, char buffer[24])
{
  if (workload->names != NULL)
    return g_ptr_array_index(workload->names, index);
  g_snprintf(buffer, 24, "%" G_GINT64_FORMAT, numeric_id(workload, index));
  return buffer;
}

char *
workload_id_json(const Workload *workload, guint32 index)
{
  GString *json;

  if (workload->names == NULL)
    return g_strdup_printf("%" G_GINT64_FORMAT, numeric_id(workload, index));
  json = g_string_new("\"");
  for (const guchar *c = g_ptr_array_index(workload->names, index); *c != '\0'; c++) {
    if (*c == '"' || *c == '\\')
      g_string_append_printf(json, "\\%c", *c);
    else if (*c < 0x20)
      g_string_append_printf(json, "\\u%04x", *c);
    else
      g_string_append_c(json, (char)*c);
  }
  g_string_append_c(json, '"');
  return g_string_free(json, FALSE);
}
