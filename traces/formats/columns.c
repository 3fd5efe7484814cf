/* The form "columns": any CSV, whose columns are named together with the form,
 * `columns:arrival_ms=ts,prompt_tokens=in,output_tokens=out`. The arrival's name says how its times
 * are written; as logs count from some epoch, the earliest becomes 0, and a request without tokens
 * is one that failed. No column is guessed: a time in the wrong unit is a silently wrong trace.
 */
#include "columns.h"

#include "traces/csv.h"
#include "traces/number.h"
#include "sim/units.h"

#include <string.h>

#define MARK "columns:"
#define NAME_MOST 40 /* bytes of a column's name that is advised */
#define SHAPE "arrival_s=…,prompt_tokens=…,output_tokens=…"

/* The year 5138; milliseconds since 1970 that are taken for seconds are later. */
#define SECONDS_MOST 100000000000

/* `per_second` units in the text are a second. */
static gboolean
read_time(guint64 per_second, const char *text, const char *end, gint64 *seconds, gint64 *ps,
          const char **stop)
{
  gint64 whole, fraction;

  if (!number_decimal(text, end, DECIMALS_MAX, &whole, &fraction, stop))
    return FALSE;
  *seconds = whole / (gint64)per_second;
  if (*seconds >= SECONDS_MOST)
    return FALSE;
  *ps =
      whole % (gint64)per_second * (PS_PER_S / (gint64)per_second) + fraction / (gint64)per_second;
  return TRUE;
}

static gboolean
read_s(const char *text, const char *end, gint64 *seconds, gint64 *ps, const char **stop)
{
  return read_time(1, text, end, seconds, ps, stop);
}

static gboolean
read_ms(const char *text, const char *end, gint64 *seconds, gint64 *ps, const char **stop)
{
  return read_time(1000, text, end, seconds, ps, stop);
}

static gboolean
read_us(const char *text, const char *end, gint64 *seconds, gint64 *ps, const char **stop)
{
  return read_time(1000000, text, end, seconds, ps, stop);
}

/* Nanoseconds since 1970 have a digit more than number.h reads, and no fraction. */
static gboolean
read_ns(const char *text, const char *end, gint64 *seconds, gint64 *ps, const char **stop)
{
  gint64 ns = 0;

  for (*stop = text; *stop < end && g_ascii_isdigit(**stop); (*stop)++)
    if (ns > (G_MAXINT64 - 9) / 10)
      return FALSE;
    else
      ns = ns * 10 + (**stop - '0');
  *seconds = ns / 1000000000;
  *ps = ns % 1000000000 * PS_PER_NS;
  return *stop > text;
}

#define SCHEMA(ARRIVAL, EXPECTED, TIME)                                                            \
  {                                                                                                \
    .columns = {[CSV_ARRIVAL] = {ARRIVAL, FALSE},        [CSV_PROMPT] = {"prompt_tokens", FALSE},  \
                [CSV_OUTPUT] = {"output_tokens", FALSE}, [CSV_ID] = {"id", TRUE},                  \
                [CSV_PRIORITY] = {"priority", TRUE},     [CSV_MAX_TOKENS] = {"max_tokens", TRUE}}, \
    .are_called_otherwise = TRUE, .takes_more_columns = TRUE, .time_expected = EXPECTED,           \
    .time = TIME                                                                                   \
  }
#define FORMAT(SCHEMA, UNIT)                                                                       \
  {                                                                                                \
    .name = "columns",                                                                             \
    .help = "any CSV: '" MARK SHAPE "', arrival_ms, _us, _ns or _date as well (read only)",        \
    .shape = SHAPE, .time_unit = UNIT, .flags = TRACE_TIME_ABSOLUTE | TRACE_SKIPS_EMPTY,           \
    .csv = SCHEMA                                                                                  \
  }

#define OTHERS " (arrival_s, _ms, _us, _ns and _date each read times of their own)"

static const CsvSchema schemas[] = {
    SCHEMA("arrival_s", "seconds, such as 12.5" OTHERS, read_s),
    SCHEMA("arrival_ms", "milliseconds, such as 12500" OTHERS, read_ms),
    SCHEMA("arrival_us", "microseconds, such as 12500000" OTHERS, read_us),
    SCHEMA("arrival_ns", "nanoseconds, such as 12500000000" OTHERS, read_ns),
    SCHEMA("arrival_date", "a time such as 2023-11-16 18:17:03.97" OTHERS, number_timestamp),
};

const TraceFormat trace_format_columns = FORMAT(&schemas[0], "seconds");
static const TraceFormat others[] = {
    FORMAT(&schemas[1], "ms"),
    FORMAT(&schemas[2], "us"),
    FORMAT(&schemas[3], "ns"),
    FORMAT(&schemas[4], "dates"),
};

gboolean
columns_are_named(const char *text)
{
  return g_str_has_prefix(text, MARK);
}

static const TraceFormat *
format_of(guint i)
{
  return i == 0 ? &trace_format_columns : &others[i - 1];
}

/* Puts the name of a pair "ROLE=NAME" where its role is in `names`. */
static gboolean
take_pair(const CsvSchema *schema, const char *pair, char **names, GError **error)
{
  const char *equals = strchr(pair, '=');

  for (guint role = CSV_ARRIVAL; equals != NULL && role < CSV_ROLES; role++) {
    const char *name = schema->columns[role].name;
    if (strlen(name) != (gsize)(equals - pair) || strncmp(pair, name, strlen(name)) != 0)
      continue;
    if (equals[1] == '\0' || names[role] != NULL)
      break;
    names[role] = g_strdup(equals + 1);
    return TRUE;
  }
  g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
              "columns: found '%s', expected one of %s, prompt_tokens, output_tokens, id, priority "
              "and max_tokens, =, and a column's name, each once",
              pair, schema->columns[CSV_ARRIVAL].name);
  return FALSE;
}

const TraceFormat *
columns_find(const char *text, char ***names, GError **error)
{
  const char *list = text + strlen(MARK);
  g_auto(GStrv) pairs = g_strsplit(list, ",", -1);
  const TraceFormat *format = NULL;
  char **found = g_new0(char *, CSV_ROLES + 1);
  gboolean ok = TRUE;

  for (guint i = 0; format == NULL && i < G_N_ELEMENTS(schemas); i++) {
    g_autofree char *start = g_strconcat(schemas[i].columns[CSV_ARRIVAL].name, "=", NULL);
    for (char **pair = pairs; *pair != NULL; pair++)
      if (g_str_has_prefix(*pair, start))
        format = format_of(i);
  }
  for (char **pair = pairs; ok && format != NULL && *pair != NULL; pair++)
    ok = take_pair(format->csv, *pair, found, error);
  if (ok && (format == NULL || found[CSV_PROMPT] == NULL || found[CSV_OUTPUT] == NULL)) {
    g_set_error(error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                "columns: found '%s', expected arrival_s (or _ms, _us, _ns, _date), prompt_tokens "
                "and output_tokens, each with = and a column's name",
                list);
    ok = FALSE;
  }
  if (ok && names != NULL)
    *names = g_steal_pointer(&found);
  columns_free(found);
  return ok ? format : NULL;
}

void
columns_free(char **names)
{
  for (guint role = 0; names != NULL && role < CSV_ROLES; role++)
    g_free(names[role]);
  g_free(names);
}

/* Words by which people name the columns of a role. */
static const char *const words[CSV_OUTPUT + 1][8] = {
    [CSV_ARRIVAL] = {"arriv", "time", "date", "ts", "start", "when", "creat"},
    [CSV_PROMPT] = {"prompt", "input", "context", "prefill", "in_", "in"},
    [CSV_OUTPUT] = {"output", "generated", "completion", "response", "decode", "answer", "out"},
};

static gboolean
is_called(const char *name, CsvRole role)
{
  g_autofree char *lower = g_ascii_strdown(name, -1);

  for (guint i = 0; i < G_N_ELEMENTS(words[role]) && words[role][i] != NULL; i++)
    if (strlen(words[role][i]) > 3 ? strstr(lower, words[role][i]) != NULL
                                   : g_str_has_prefix(lower, words[role][i]))
      return TRUE;
  return FALSE;
}

/* The column that seems to have the role: one that names tokens, else the first; NULL: none. */
static const char *
name_for(CsvRole role, const GStrv names)
{
  const char *found = NULL;

  for (guint i = g_strv_length(names); i-- > 0;)
    if (is_called(names[i], role)) {
      g_autofree char *lower = g_ascii_strdown(names[i], -1);
      if (role == CSV_ARRIVAL || found == NULL || strstr(lower, "tok") != NULL)
        found = names[i];
    }
  return found;
}

/* "arrival_ms" of a time that is called when_ms, "arrival_date" of start_date or DateTime, or
 * "arrival_s". */
static const char *
arrival_column(const char *name)
{
  static const char *const endings[][2] = {{"_ms", "arrival_ms"},
                                           {"_us", "arrival_us"},
                                           {"_ns", "arrival_ns"},
                                           {"date", "arrival_date"},
                                           {"datetime", "arrival_date"}};
  g_autofree char *lower = g_ascii_strdown(name, -1);

  for (guint i = 0; i < G_N_ELEMENTS(endings); i++)
    if (g_str_has_suffix(lower, endings[i][0]))
      return endings[i][1];
  return "arrival_s";
}

/* Takes spaces and a pair of quotes off a field, where it stands. */
static const char *
unquote(char *name)
{
  gsize length = strlen(g_strstrip(name));

  if (length > 1 && name[0] == '"' && name[length - 1] == '"') {
    memmove(name, name + 1, length - 2);
    name[length - 2] = '\0';
  }
  return name;
}

char *
columns_separator_advice(const char *line, const char *end)
{
  g_autofree char *header = g_strndup(line, (gsize)(end - line));
  const char *apart = strchr(header, ';') != NULL ? ";" : "\\t";

  if (strchr(header, ',') != NULL || strpbrk(header, ";\t") == NULL)
    return NULL;
  return g_strdup_printf("Its fields are apart by '%s', expected ',': tr '%s' , <FILE >OTHER "
                         "(where numbers have commas for points: tr ',%s' '.,')",
                         apart, apart, apart);
}

char *
columns_advice(const char *line, const char *end)
{
  g_autofree char *header = g_strndup(line, (gsize)(end - line)),
                  *separator = columns_separator_advice(line, end);
  g_auto(GStrv) names = g_strsplit(header, ",", TRACE_COLUMNS_MAX);
  const char *found[CSV_OUTPUT + 1] = {NULL, "TIME", "IN", "OUT"};
  guint n = g_strv_length(names);

  if (separator != NULL)
    return g_steal_pointer(&separator);
  if (n < 3 || !g_utf8_validate(header, -1, NULL) || strpbrk(header, "{'") != NULL)
    return NULL;
  for (guint i = 0; i < n; i++)
    if (strlen(unquote(names[i])) > NAME_MOST || strchr(names[i], '"') != NULL)
      return NULL; /* it is prose */
  for (guint role = CSV_ARRIVAL; role <= CSV_OUTPUT; role++) {
    const char *name = name_for((CsvRole)role, names);
    found[role] = name != NULL ? name : found[role];
  }
  return g_strdup_printf("If it has these by other names: --trace-format "
                         "'" MARK "%s=%s,prompt_tokens=%s,output_tokens=%s'; arrival_s, _ms, _us, "
                         "_ns or _date, as times are in those",
                         arrival_column(found[CSV_ARRIVAL]), found[CSV_ARRIVAL], found[CSV_PROMPT],
                         found[CSV_OUTPUT]);
}
