#!/usr/bin/env python3
"""Results of benchmarks that contradict themselves, under `run --against` and `servers`: each form as it should be is not
doubted; with one thing wrong it is, by name, and is read all the same."""
import copy
import json

from spillway_test import all_tests, check, check_equal, execute, main, write

N, PROMPT, OUTPUT, GAP_S, SLOTS = 40, 300, 50, 0.01, 4
TTFTS = [0.05 + 0.001 * i for i in range(N)]
E2ES = [ttft + (OUTPUT - 1) * GAP_S for ttft in TTFTS]
STARTS = [E2ES[0] * (i // SLOTS) for i in range(N)]
DURATION_S = E2ES[-1] * N / SLOTS
CARD = ["--device", "l40s"]
RUN = ["run", "--model", "llama-3.1-8b", *CARD, "--format", "json"]


def percentile(values, percent):
    at = (len(values) - 1) * percent / 100
    low = int(at)
    return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])


def mean(values):
    return sum(values) / len(values)


def vllm():
    """vllm bench serve --save-detailed."""
    result = {"backend": "vllm", "model_id": "meta-llama/Llama-3.1-8B", "completed": N, "failed": 0, "num_prompts": N, "duration": DURATION_S,
              "total_input_tokens": N * PROMPT, "total_output_tokens": N * OUTPUT, "request_rate": "inf", "max_concurrency": SLOTS,
              "input_lens": [PROMPT] * N, "output_lens": [OUTPUT] * N, "ttfts": TTFTS, "itls": [[GAP_S] * (OUTPUT - 1)] * N,
              "start_times": [1000 + start for start in STARTS], "errors": [""] * N}
    for name, values in (("ttft", TTFTS), ("tpot", [GAP_S] * N), ("itl", [GAP_S] * N), ("e2el", E2ES)):
        result["mean_%s_ms" % name] = 1000 * mean(values)
        for key, percent in (("median", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9)):
            result["%s_%s_ms" % (key, name)] = 1000 * percentile(values, percent)
    return result


def aiperf():
    """AIPerf's profile_export_aiperf.json."""
    def metric(values, unit, scale):
        return {"unit": unit, "avg": scale * mean(values), "min": scale * min(values), "max": scale * max(values), "std": 0.1,
                **{"p%d" % p: scale * percentile(values, p) for p in (1, 5, 10, 25, 50, 75, 90, 95, 99)}}
    return {"request_count": {"unit": "requests", "avg": N}, "error_request_count": {"unit": "requests", "avg": 0},
            "time_to_first_token": metric(TTFTS, "ms", 1000), "inter_token_latency": metric([GAP_S] * N, "ms", 1000),
            "request_latency": metric(E2ES, "ms", 1000), "input_sequence_length": metric([PROMPT] * N, "tokens", 1),
            "output_sequence_length": metric([OUTPUT] * N, "tokens", 1), "benchmark_duration": {"unit": "sec", "avg": DURATION_S},
            "was_cancelled": False, "input_config": {"models": {"items": [{"name": "meta-llama/Llama-3.1-8B"}]}, "phases": [
                {"name": "profiling", "type": "concurrency", "concurrency": SLOTS, "requests": N}]}}


def guidellm():
    """GuideLLM's benchmarks.json of one benchmark."""
    def metric(values, scale):
        keys = (("p001", 0.1), ("p01", 1), ("p05", 5), ("p10", 10), ("p50", 50), ("p90", 90), ("p99", 99), ("p999", 99.9))
        return {"successful": {"mean": scale * mean(values), "median": scale * percentile(values, 50), "min": scale * min(values),
                               "max": scale * max(values), "percentiles": {key: scale * percentile(values, p) for key, p in keys}}}
    requests = [{"request_start_time": 1e9 + start, "request_end_time": 1e9 + start + e2e, "request_latency": e2e, "prompt_tokens": PROMPT,
                 "output_tokens": OUTPUT, "time_to_first_token_ms": 1000 * ttft, "inter_token_latency_ms": 1000 * GAP_S}
                for start, ttft, e2e in zip(STARTS, TTFTS, E2ES)]
    return {"args": {"model": "meta-llama/Llama-3.1-8B"}, "benchmarks": [{
        "config": {"strategy": {"type_": "concurrent", "streams": SLOTS}}, "duration": DURATION_S,
        "requests": {"successful": requests, "errored": [], "incomplete": []},
        "metrics": {"request_totals": {"successful": N, "errored": 0, "incomplete": 0, "total": N},
                    "time_to_first_token_ms": metric(TTFTS, 1000), "inter_token_latency_ms": metric([GAP_S] * N, 1000),
                    "request_latency": metric(E2ES, 1), "prompt_token_count": metric([PROMPT] * N, 1),
                    "output_token_count": metric([OUTPUT] * N, 1)}}]}


def records():
    """AIPerf's profile_export.jsonl."""
    return [{"metadata": {"x_request_id": "r%d" % i, "request_start_ns": int(1e9 * (1e6 + STARTS[i])), "was_cancelled": False,
                          "request_end_ns": int(1e9 * (1e6 + STARTS[i] + E2ES[i])), "benchmark_phase": "profiling"},
             "metrics": {"time_to_first_token": {"value": 1000 * TTFTS[i], "unit": "ms"}, "request_latency": {"value": 1000 * E2ES[i], "unit": "ms"},
                         "output_sequence_length": {"value": OUTPUT, "unit": "tokens"},
                         "input_sequence_length": {"value": PROMPT, "unit": "tokens"}}, "error": None} for i in range(N)]


def put(path, value):
    """Sets what a path of keys and numbers leads to; a number scales what is there."""
    def edit(result):
        *way, last = path.split("/")
        at = result
        for key in way:
            at = at[int(key)] if isinstance(at, list) else at[key]
        at[last] = at[last] * value if isinstance(value, float) else value
    return edit


def scaled(key, by):
    def edit(result):
        result[key] = [by * value for value in result[key]]
    return edit


METRICS = "benchmarks/0/metrics/"
WRONG = {  # of each form: what is wrong, and what is said of it
    vllm: [(put("p99_ttft_ms", 0.5), "ttft_ms: its p90_ttft_ms is 85.1, and its p99_ttft_ms less, 44.305"),
           (put("median_itl_ms", 1000.0), "itl_ms: its median_itl_ms is 10000, more than a mean of 10 allows"),
           (put("mean_e2el_ms", 0.001), "a first token took 69.5 ms in the mean, and a whole request 0.5595 ms"),
           (put("duration", 1000.0), "under way, of 4"), (put("num_prompts", 45), "5 of 45 requests failed"),
           (put("errors", ["", "no answer"]), "1 of 41 requests failed"),
           (scaled("ttfts", 1000), "first tokens took 69.5 s in the mean, by its summary 0.0695 s")],
    aiperf: [(put("time_to_first_token/p90", 0.5), "time_to_first_token: its p75 is 79.25, and its p90 less"),
             (put("time_to_first_token/avg", 3.0), "time_to_first_token: its mean is 208.5, which is more than its max, 89"),
             (put("input_sequence_length/min", 2.0), "input_sequence_length: its mean is 300, which is less than its min, 600"),
             (put("time_to_first_token/unit", "s"), "a first token took 6.95e+04 ms in the mean, and a whole request 559.5 ms"),
             (put("inter_token_latency/unit", "s"), "each of 49 after it 1e+04 ms; a whole request took 559.5 ms"),
             (put("request_latency/unit", "s"), "under way, of 4"), (put("benchmark_duration/unit", "ms"), "under way, of 4"),
             (put("error_request_count/avg", 8), "8 of 48 requests failed"), (put("was_cancelled", True), "cancelled before its end")],
    guidellm: [(put(METRICS + "time_to_first_token_ms/successful/percentiles/p999", 0.5), "time_to_first_token_ms: its p99 is"),
               (put(METRICS + "request_latency/successful/min", 2.0), "request_latency: its mean is 0.5595, which is less than its min, 1.08"),
               (put(METRICS + "request_latency/successful/mean", 0.001), "request_latency: its mean is"),
               (put("benchmarks/0/duration", 1000.0), "under way, of 4"),
               (put(METRICS + "request_totals/errored", 3), "3 of 43 requests failed"),
               (put(METRICS + "request_totals/incomplete", 10), "10 of 50 requests were not complete"),
               (put("benchmarks/0/requests/successful/7/request_latency", 1000.0),
                "1 of 40 requests are told to have taken two times that are far apart, first that of request 7: ")],
    records: [(put("3/error", {"code": 500}), "1 of 40 requests failed"), (put("3/metadata/was_cancelled", True), "1 of 40 requests failed"),
              (put("5/metrics/request_latency/unit", "s"), "1 of 40 requests are told to have taken two times that are far apart, first that of line 6: ")],
}


def text(result):
    return "".join(json.dumps(line) + "\n" for line in result) if isinstance(result, list) else json.dumps(result)


def doubts_of(form, name):
    """What `servers` and, of a form that has its requests, `run --against` say; both are done to the end."""
    told = execute("servers", name, "--model", "llama-3.1-8b", *CARD, "--format", "json")
    check_equal(told.status, 0, told.err)
    point, = json.loads(told.text)["points"]
    check_equal(point["refused"], None)
    if form is not aiperf:
        run = execute(*RUN, "--trace", name, "--against", name)
        check_equal(run.status, 0, run.err)
        said = json.loads(run.text)["against"]["doubts"]
        check_equal("; ".join(said) or None, point["doubt"])
        for doubt in said:
            check("note: --against: %s: %s" % (name, doubt) in run.err, run.err)
    return point["doubt"]


def test_right():
    """Results that hang together are not doubted"""
    for form in WRONG:
        write("right.json", text(form()))
        check_equal(doubts_of(form, "right.json"), None, form.__name__)


def test_wrong():
    """With one thing wrong they are, by name"""
    for form, cases in WRONG.items():
        for i, (edit, expected) in enumerate(cases):
            result = copy.deepcopy(form())
            edit(result)
            write("wrong.json", text(result))
            found = doubts_of(form, "wrong.json")
            check(found is not None and expected in found, "%s %d: %s, expected %s" % (form.__name__, i, found, expected))


def test_units_of_requests():
    """Times of requests in another unit than the file's summary are told whichever way they are off"""
    for by in (1000, 0.001):
        result = vllm()
        result["ttfts"] = [by * ttft for ttft in TTFTS]
        write("unit.json", json.dumps(result))
        check("in one unit?" in (doubts_of(vllm, "unit.json") or ""), by)


def test_few():
    """Of few requests, and of a run at a rate, neither load nor percentiles are judged by what hangs on chance"""
    few = {**vllm(), "completed": 5, "num_prompts": 5, "duration": 1000}
    few = {key: value for key, value in few.items() if not isinstance(value, list)}
    write("few.json", json.dumps(few))
    check_equal(doubts_of(aiperf, "few.json"), None)
    write("rate.json", json.dumps({**vllm(), "request_rate": 1.0, "max_concurrency": None, "duration": 400}))
    check_equal(doubts_of(vllm, "rate.json"), None)


main(all_tests(globals()))
