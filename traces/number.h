/* Numbers of traces, read and printed exactly: integers and decimals in fixed point, never through
 * a double, and calendar timestamps.
 *
 * The parsers read from `text` up to `end` at most, where *end is readable and no digit, and set
 * *stop to the first byte they did not take. They return FALSE if there is no such number at `text`
 * or it does not fit.
 */
#pragma once

#include <glib.h>

enum { DECIMALS_MAX = 12, NUMBER_BUFFER_BYTES = 40 };

/* Digits only; up to 18 of them. */
gboolean number_whole(const char *text, const char *end, gint64 *value, const char **stop);

/* "1700000000.25", ".5", "1e-05": the whole part, and the rest in units of 10^-decimals (at most
 * DECIMALS_MAX), rounded half up where the text has more. No sign. */
gboolean number_decimal(const char *text, const char *end, guint decimals, gint64 *whole,
                        gint64 *fraction, const char **stop);

/* "2023-11-16 18:17:03.9799600", also with T, without decimals, and with a zone (Z, +00:00, +0000,
 * +00): seconds since 1970 in UTC and picoseconds of the second. */
gboolean number_timestamp(const char *text, const char *end, gint64 *seconds, gint64 *ps,
                          const char **stop);

/* `value` in units of 10^-decimals as a decimal, trailing zeros after `decimals_min` decimals
 * removed. Not negative. */
const char *number_print(gint64 value, guint decimals, guint decimals_min,
                         char buffer[NUMBER_BUFFER_BYTES]);

/* Seconds since 1970 as "2023-11-16 18:17:03". */
const char *number_print_date(gint64 seconds, char buffer[NUMBER_BUFFER_BYTES]);
