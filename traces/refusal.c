#include "refusal.h"

#include "jsonl.h"

enum { KEYS_MAX = 3 };

static const struct {
  const char *keys[KEYS_MAX + 1];
  const char *text;
} refusals[] = {
    {{"sub_requests"},
     "LLMServingSim's sessions: a request comes after the answer before it and a tool's time, so "
     "its arrival depends on the server, which a replay does not follow yet.\nWrite one request a "
     "line, with arrival_time_ns, input_toks and output_toks each."},
    {{"conversations"},
     "ShareGPT conversations: texts, without lengths in tokens and without times.\nCount tokens "
     "with the model's tokenizer, write prompt_tokens and output_tokens, and draw from them: "
     "'spillway trace gen --prompt empirical:FILE'."},
    {{"wait_for"},
     "an agentic trace: requests wait for others (wait_for), so their arrivals depend on the "
     "server, which a replay does not follow yet.\nGive each request a timestamp (ms), and leave "
     "out wait_for and delay."},
    {{"delay"},
     "turns with a delay and no timestamp: when they arrive depends on the answer before, which a "
     "replay does not follow yet.\nGive each turn a timestamp (ms), or keep the rows that have "
     "one."},
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
  for (guint i = 0; i < G_N_ELEMENTS(refusals); i++)
    if (jsonl_sniff(line, end, refusals[i].keys))
      return refusals[i].text;
  return NULL;
}
