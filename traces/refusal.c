#include "refusal.h"

#include "jsonl.h"

#include <string.h>

/* How files begin that other programs make of tables. */
static const struct {
  const char *mark, *text;
} marks[] = {
    {"SQLite format 3",
     "a database, such as -o writes, expected a trace: requests with their lengths in tokens"},
    {"PK\003\004", "a workbook or a zip archive, expected a text.\nSave the table as CSV."},
    {"PAR1", "a Parquet file, expected a text.\nWrite it as CSV: in pandas "
             "pd.read_parquet(FILE).to_csv(OTHER, index=False)."},
    {"\xff\xfe", "a text in UTF-16, expected UTF-8.\nConvert it: iconv -f UTF-16 -t UTF-8 FILE "
                 ">OTHER."},
    {"\xfe\xff", "a text in UTF-16, expected UTF-8.\nConvert it: iconv -f UTF-16 -t UTF-8 FILE "
                 ">OTHER."},
};

enum { KEYS_MAX = 3 };

static const struct {
  const char *keys[KEYS_MAX + 1];
  const char *text;
} refusals[] = {
    {{"conversations"},
     "ShareGPT conversations: texts, without lengths in tokens and without times.\nCount tokens "
     "with the model's tokenizer, write prompt_tokens and output_tokens, and draw from them: "
     "'spillway trace gen --prompt empirical:FILE'."},
    {{"wait_for"},
     "an agentic trace: requests wait for several others (wait_for), which a replay does not "
     "follow.\nMake sessions of them, where each turn waits for the one before: session_id, a "
     "timestamp (ms) for the first, a delay (ms) for the others."},
    {{"delay"},
     "the file begins with a turn that has a delay and no timestamp, so nothing says when its "
     "session begins.\nGive each session's first turn a timestamp (ms)."},
    {{"request_latency", "input_sequence_length", "avg"},
     "AIPerf's summary (profile_export_aiperf.json): statistics, no requests.\nUse "
     "profile_export.jsonl of the same run."},
    {{"experiments", "response_timestamps"},
     "GenAI-Perf's profile: texts and times of responses, without lengths in tokens.\nRun it with "
     "AIPerf, and use profile_export.jsonl."},
    {{"messages"},
     "requests to an API (messages): texts, without lengths in tokens.\nCount tokens with the "
     "model's tokenizer, and write arrival_s, prompt_tokens and output_tokens."},
    {{"prompt"},
     "prompts: texts, without lengths in tokens.\nCount tokens with the model's tokenizer, and "
     "write arrival_s, prompt_tokens and output_tokens."},
    {{"input_tokens", "output_tokens"},
     "lengths in tokens, with a time whose unit no form tells (seconds, ms and ns are in use).\n"
     "Write arrival_s (seconds), prompt_tokens and output_tokens as CSV, or name the form with "
     "--trace-format."},
};

const char *
trace_refusal(const char *line, const char *end)
{
  for (guint i = 0; i < G_N_ELEMENTS(marks); i++)
    if ((gsize)(end - line) >= strlen(marks[i].mark) &&
        memcmp(line, marks[i].mark, strlen(marks[i].mark)) == 0)
      return marks[i].text;
  for (guint i = 0; i < G_N_ELEMENTS(refusals); i++)
    if (jsonl_has_keys(line, end, refusals[i].keys))
      return refusals[i].text;
  return NULL;
}
