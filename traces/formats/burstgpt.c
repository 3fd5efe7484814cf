/* The form "burstgpt": the CSV of the BurstGPT traces (a campus's use of hosted chat models), with
 * or without the columns Session ID and Elapsed time. Times are seconds from the start of the
 * collection; a response of 0 tokens is a request that failed. Read only: a written file would need
 * model names and log types that a trace does not have.
 */
#include "traces/csv.h"

static const CsvSchema schema = {
    .columns =
        {
            [CSV_ARRIVAL] = {"Timestamp", FALSE},
            [CSV_PROMPT] = {"Request tokens", FALSE},
            [CSV_OUTPUT] = {"Response tokens", FALSE},
        },
    .takes_more_columns = TRUE,
    .time_expected = "seconds, such as 12.5",
    .time = csv_time_seconds,
};

const TraceFormat trace_format_burstgpt = {
    .name = "burstgpt",
    .help = "CSV of the BurstGPT traces (read only)",
    .shape = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
    .time_unit = "seconds",
    .flags = TRACE_TIME_ABSOLUTE | TRACE_SKIPS_EMPTY,
    .csv = &schema,
};
