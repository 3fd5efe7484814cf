/* The form "splitwise": the CSV of the SplitwiseSim simulator. Times are seconds, prompt_size and
 * token_size the tokens of prompt and output; what kind of request it is stays behind. Read only.
 */
#include "traces/csv.h"

static const CsvSchema schema = {
    .columns =
        {
            [CSV_ARRIVAL] = {"arrival_timestamp", FALSE},
            [CSV_PROMPT] = {"prompt_size", FALSE},
            [CSV_OUTPUT] = {"token_size", FALSE},
            [CSV_ID] = {"request_id", TRUE},
        },
    .takes_more_columns = TRUE,
    .time_expected = "seconds, such as 12.5",
    .time = csv_time_seconds,
};

const TraceFormat trace_format_splitwise = {
    .name = "splitwise",
    .help = "CSV of the SplitwiseSim simulator (read only)",
    .shape = "request_id,arrival_timestamp,prompt_size,token_size",
    .time_unit = "seconds",
    .flags = TRACE_KEEPS_IDS | TRACE_SKIPS_EMPTY,
    .csv = &schema,
};
