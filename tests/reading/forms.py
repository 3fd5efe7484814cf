#!/usr/bin/env python3
"""Forms of public traces and benchmark results: what is read, in which unit, and what is said of files that are no trace."""
import json
import os

from spillway_test import Skip, all_tests, check, check_close, check_equal, execute, main, succeed, write

RUN = ["run", "--model", "llama-3.1-8b", "--device", "h100-sxm"]


def lines(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


def show(path, *more):
    return succeed("trace", "show", path, "--format", "json", *more).json["traces"][0]


def rows(path):
    """Arrival, prompt, output of each request, as the trace is written again."""
    succeed("trace", "convert", path, "-o", "again.csv", "--to", "spillway")
    with open("again.csv") as file:
        found = [line.rstrip("\n").split(",") for line in file if not line.startswith("#")]
    columns = [found[0].index(name) for name in ("arrival_s", "prompt_tokens", "output_tokens")]
    return [tuple(float(row[column]) for column in columns) for row in found[1:]]


BAILIAN = lines({"chat_id": 7, "parent_chat_id": -1, "timestamp": 61.114, "input_length": 52, "output_length": 132,
                 "type": "text", "turn": 1, "hash_ids": [1, 2, 3, 4]},
                {"chat_id": 9, "parent_chat_id": 7, "timestamp": 91.5, "input_length": 100, "output_length": 50,
                 "type": "text", "turn": 2, "hash_ids": [1, 2, 3, 5, 6, 7, 8]},
                {"chat_id": 8, "parent_chat_id": -1, "timestamp": 7199.9, "input_length": 33, "output_length": 0,
                 "type": "search", "turn": 1, "hash_ids": [9, 10, 11]})
VLLM = {"date": "x", "duration": 9.5, "completed": 3, "total_input_tokens": 300, "total_output_tokens": 60,
        "request_rate": 2.0, "max_concurrency": None, "input_lens": [100, 120, 80], "output_lens": [20, 30, 0],
        "ttfts": [0.02, 0.03, 0.0], "itls": [[0.01] * 19, [0.02] * 29, []], "start_times": [5000.25, 5001.5, 5001.75],
        "generated_texts": ["\"NaN\"", "Infinity", ""], "errors": ["", "", "refused"]}


def aiperf(start_ns, **metadata):
    return {"metadata": {"x_request_id": "r%d" % start_ns, "request_start_ns": start_ns, "request_end_ns": start_ns + 900000000,
                         "benchmark_phase": "profiling", "was_cancelled": False, **metadata},
            "metrics": {"time_to_first_token": {"value": 45.5, "unit": "ms"}, "request_latency": {"value": 0.5, "unit": "s"},
                        "output_sequence_length": {"value": 100, "unit": "tokens"},
                        "input_sequence_length": {"value": 50, "unit": "tokens"}}, "error": None}


AIPERF = lines(aiperf(1759813207532900363, benchmark_phase="warmup"), aiperf(1759813208532900363),
               aiperf(1759813207782900363), {**aiperf(5), "error": {"code": 500}})
def guidellm(start, prompt, output, ttft_ms, gap_ms, **more):
    """A request of GuideLLM's benchmarks.json."""
    return {"type_": "generative_request_stats", "request_id": "r%g" % start, "request_start_time": start, "prompt_tokens": prompt,
            "output_tokens": output, "time_to_first_token_ms": ttft_ms, "inter_token_latency_ms": gap_ms, **more}


GUIDELLM = {"args": {"model": "x"}, "benchmarks": [{"metrics": {}, "requests": {"successful": [
    guidellm(1760000000.25, 50, 100, 45.5, 5), guidellm(1760000001.0, 70, 1, 20, None)], "errored": [], "incomplete": []}}]}
SPLITWISE = ("request_id,request_type,application_id,arrival_timestamp,batch_size,prompt_size,token_size\n"
             "0,2,0,1.5,1,4096,32\n1,2,0,3,1,2048,8\n")
LSS = lines({"input_toks": 100, "output_toks": 20, "arrival_time_ns": 1000000001, "input_tok_ids": [1, 2]},
            {"input_toks": 101, "output_toks": 21, "arrival_time_ns": 2500000000})
DYNAMO = lines({"session_id": "s", "created_time": 1500, "input_tokens": 1200, "output_tokens": 6, "hash_ids": [0, 1, 2]},
               {"session_id": "s", "created_time": 2500.5, "input_tokens": 1400, "output_tokens": 6, "hash_ids": [0, 1, 2]})

READ = {  # name: text, form, unit, requests
    "bailian.jsonl": (BAILIAN, "bailian", "seconds", [(61.114, 52, 132), (91.5, 100, 50)]),
    "vllm.json": (json.dumps(VLLM), "bench-result", "seconds", [(0, 100, 20), (1.25, 120, 30)]),
    "pretty.json": (json.dumps(VLLM, indent=2), "bench-result", "seconds", [(0, 100, 20), (1.25, 120, 30)]),
    "sglang.jsonl": (lines({**VLLM, "request_rate": float("inf"), "start_times": [float("nan")] * 0 or None}),
                     "bench-result", "seconds", [(0, 100, 20), (0, 120, 30)]),
    "rate.jsonl": (lines({key: value for key, value in VLLM.items() if key != "start_times"}),
                   "bench-result", "seconds", [(0, 100, 20), (0.5, 120, 30)]),
    "aiperf.jsonl": (AIPERF, "aiperf", "ns", [(0, 50, 100), (0.75, 50, 100)]),
    "guidellm.json": (json.dumps(GUIDELLM, indent=2), "bench-result", "seconds", [(0, 50, 100), (0.75, 70, 1)]),
    "splitwise.csv": (SPLITWISE, "splitwise", "seconds", [(1.5, 4096, 32), (3, 2048, 8)]),
    "llmservingsim.jsonl": (LSS, "llmservingsim", "ns", [(1.000000001, 100, 20), (2.5, 101, 21)]),
    "dynamo.jsonl": (DYNAMO, "mooncake", "ms", [(1.5, 1200, 6), (2.5005, 1400, 6)]),
    "array.json": ("[\n" + DYNAMO.replace("}\n{", "},\n{") + "]\n", "mooncake", "ms", [(1.5, 1200, 6), (2.5005, 1400, 6)]),
}


def test_forms():
    """Each public form is known by its content, says its unit, and gives the requests that it holds."""
    for name, (text, form, unit, expected) in READ.items():
        write(name, text)
        shown = show(name)
        check_equal((shown["format"], shown["time_unit"], shown["requests"]), (form, unit, len(expected)), name)
        for found, right in zip(rows(name), expected):
            for a, b in zip(found, right):
                check(abs(a - b) < 1e-11, "%s: %s, not %s" % (name, found, right))


def test_prefixes():
    """Hashes of Bailian traces stand for 16 tokens: 48 of the second prompt's are in the first."""
    write("b.jsonl", BAILIAN)
    check_equal(show("b.jsonl")["prefix_hits"]["repeated_tokens"], 48)


def test_span_first():
    """trace show begins with span, rate, form and unit."""
    write("b.jsonl", BAILIAN.replace('"output_length": 0', '"output_length": 9'))
    first = succeed("trace", "show", "b.jsonl").text.split("\n")[0]
    check_equal(first, "b.jsonl: 3 requests over 7,138.8 s, 0.0002802 a second; form bailian, times in seconds")


def test_absurd_rates():
    """More than 10,000 requests a second, or fewer than one a day, are told with the unit that was taken."""
    head = "arrival_s,prompt_tokens,output_tokens\n"
    for times, word in (([0, 0.00001, 0.00002], "a second"), ([0, 100000, 200000], "a day")):
        write("t.csv", head + "".join("%s,5,5\n" % time for time in times))
        said = execute("trace", "show", "t.csv").err
        check(word in said and "times in seconds" in said and "--time-scale" in said, said)
    write("t.csv", head + "0,5,5\n0,5,5\n80000,5,5\n")
    check_equal(execute("trace", "show", "t.csv").err, "")


def test_doubted_units():
    """A Mooncake trace whose times are in seconds is a thousand times too fast: doubted from 500 requests a second on."""
    for gap, doubted in ((1, True), (1.5, True), (3, False), (900, False)):
        write("m.jsonl", lines(*({"timestamp": gap * i, "input_length": 5, "output_length": 5} for i in range(50))))
        said = execute("trace", "show", "m.jsonl").err
        check(("is that meant" in said and "times in ms" in said) == doubted, (gap, said))


def test_short_hashes():
    """Hashes that end before their prompt does share less than they seem to, which is told; a last part of a block needs none."""
    for prompt, hashes, told in ((1024, [1, 2], False), (1500, [1, 2], False), (1500, [1, 2, 3], False), (1536, [1, 2], True), (5000, [1], True)):
        write("m.jsonl", lines({"timestamp": 0, "input_length": prompt, "output_length": 5, "hash_ids": hashes}))
        said = execute("trace", "show", "m.jsonl").err
        check(("1 requests have prefix hashes of less than their whole prompt" in said) == told, (prompt, hashes, said))
    check("hash_block_tokens" not in execute("trace", "show", "chat-turns").err)


def test_pace_of_results():
    """A result without start times says how its client sent, as far as one number goes."""
    write("r.json", json.dumps({**VLLM, "request_rate": "inf", "max_concurrency": 7, "start_times": None}))
    check("--max-concurrency 7" in execute("trace", "show", "r.json").err)
    write("r.json", json.dumps({**VLLM, "ramp_up_strategy": "linear"}))
    check("start times" not in execute("trace", "show", "r.json").err)
    write("r.json", json.dumps({**VLLM, "ramp_up_strategy": "linear", "start_times": None}))
    write("t.csv", "arrival_s,prompt_tokens,output_tokens\n0,100,20\n1,120,30\n2,80,5\n")
    succeed(*RUN, "--trace", "t.csv", "--against", "r.json")


REFUSED = {
    "sharegpt.json": ('[{"id":"a","conversations":[{"from":"human","value":"a \\"delay\\""}]}]', "tokenizer"),
    "delay.jsonl": (lines({"session_id": "s", "delay": 500, "input_length": 9, "output_length": 6}), "timestamp (ms)"),
    "agents.jsonl": (lines({"request_id": "a", "wait_for": ["b"], "input_length": 9, "output_length": 6}), "wait_for"),
    "summary.json": (json.dumps({**{key: VLLM[key] for key in ("duration", "completed", "total_input_tokens")},
                                 "request_rate": float("inf")}), "--save-detailed"),
    "runs.jsonl": (lines(VLLM, VLLM), "one run"),
    "ramp.json": (json.dumps({**VLLM, "ramp_up_strategy": "linear", "start_times": None}), "start_times"),
    "replay.jsonl": (json.dumps({**VLLM, "request_rate": "trace", "start_times": None}), "--against"),
    "aiperf.json": (json.dumps({"request_latency": {"avg": 1}, "input_sequence_length": {"avg": 1}}, indent=1),
                    "profile_export.jsonl"),
    "units.jsonl": (lines({"timestamp": 1.5, "input_tokens": 5, "output_tokens": 3}), "arrival_s (seconds)"),
    "messages.jsonl": (lines({"custom_id": "1", "body": {"messages": []}}), "tokenizer"),
    "other.csv": ("a,b\n1,2\n", "trace-formats"),
    "broken.json": ("[{\"a\": 1,\n", "no JSON"),
}


def test_refusals():
    """What is no trace is refused in two lines at most: what it is, and what to do."""
    for name, (text, part) in REFUSED.items():
        write(name, text)
        result = execute("trace", "show", name)
        check_equal(result.status, 2, name)
        check(part in result.err, "%s: %s" % (name, result.err))
        check(len(result.err.rstrip("\n").split("\n")) <= 2 and len(result.err) < 420, result.err)
        check("\\x0a" not in result.err, result.err)


def test_columns():
    """Any CSV is read by its columns' names, with its times in the unit that is said; the same requests in every unit."""
    expected = [("0", 100, 20), ("0.25", 7, 3), ("1.75", 200, 30)]
    names = ",prompt_tokens=Input Tokens,output_tokens=out"
    for role, times in {"arrival_s": ["1714557600.5", "1714557600.75", "1714557602.25"],
                        "arrival_ms": ["1714557600500", "1714557600750.0", "1714557602250"],
                        "arrival_us": ["1714557600500000", "1714557600750000", "1714557602250000"],
                        "arrival_ns": ["1714557600500000000", "1714557600750000000", "1714557602250000000"],
                        "arrival_date": ["2024-05-01 10:00:00.5", "2024-05-01T10:00:00.750Z", "2024-05-01 12:00:02.25+02:00"]}.items():
        write("own.csv", "user;group,out,When did it come,Input Tokens\n" +
              "".join("x,%d,%s,%d\n" % (out, time, prompt) for time, (_, prompt, out) in zip(times, expected)))
        form = "columns:%s=When did it come%s" % (role, names)
        succeed("trace", "convert", "own.csv", "--trace-format", form, "-o", "t.csv")
        with open("t.csv") as file:
            found = [line.strip().split(",") for line in file if line[0].isdigit()]
        check_equal([(time, int(prompt), int(out)) for time, prompt, out in found], expected, role)
        result = succeed(*RUN, "--trace", "own.csv", "--trace-format", form, "--format", "json").json
        check_equal((result["requests"], result["config"]["trace_format"]), (3, form))
    write("more.csv", "ts,in,out,who,top\n0,5,9,a,20\n5,0,9,b,\n1,5,9,c,\n")
    first = succeed("trace", "convert", "more.csv", "--trace-format",
                    "columns:arrival_s=ts,prompt_tokens=in,output_tokens=out,id=who,max_tokens=top", "-o", "m.csv")
    check("1 request" in first.err, first.err)
    with open("m.csv") as file:
        check_equal(file.read().split("\n")[1:4], ["arrival_s,prompt_tokens,output_tokens,id,max_tokens", "0,5,9,a,20", "1,5,9,c,9"])


def test_columns_that_are_wrong():
    """What is missing, or twice, is named; a header of no form is told with the option that would read it."""
    write("own.csv", "Request Time,Input Tokens,Generated Tokens,User\n1,2,3,x\n")
    said = execute("trace", "show", "own.csv").err
    advised = "columns:arrival_s=Request Time,prompt_tokens=Input Tokens,output_tokens=Generated Tokens"
    check("'%s'" % advised in said, said)
    check_equal(show("own.csv", "--trace-format", advised)["requests"], 1)
    for name, unit in (("when_ms", "ms"), ("ts", "s"), ("created_us", "us"), ("start_date", "date"), ("DateTime", "date"), ("Request Date", "date")):
        write("unit.csv", "%s,in,out\n1,2,3\n" % name)
        said = execute("trace", "show", "unit.csv").err
        check("'columns:arrival_%s=%s,prompt_tokens=in,output_tokens=out'" % (unit, name) in said, said)
    for header, arrival, prompt, output in (("Timestamp,Input Tokens,Output Tokens,User", "s=Timestamp", "Input Tokens", "Output Tokens"),
                                            ('"time", "in","out"', "s=time", "in", "out"),
                                            ("id,prompt,completion,created_at,prompt_tokens,completion_tokens,latency", "s=created_at",
                                             "prompt_tokens", "completion_tokens")):
        write("odd.csv", header + "\n")
        said = execute("trace", "show", "odd.csv").err
        check("'columns:arrival_%s,prompt_tokens=%s,output_tokens=%s'" % (arrival, prompt, output) in said, said)
    write("prose.md", "# Notes, of a kind that goes on for rather more than a column's name does, in three parts\n")
    check("columns:" not in execute("trace", "show", "prose.md").err)
    write("r.db", b"SQLite format 3\0" + bytes(84))
    check("found a database" in execute("trace", "show", "r.db").err)
    for unit, time in (("s", "2024-05-01 10:00:00"), ("s", "1714557600500"), ("ms", "1714557600500000"), ("us", "1714557600500000000")):
        write("late.csv", "t,in,out\n%s,2,3\n" % time)
        said = execute("trace", "show", "late.csv", "--trace-format", "columns:arrival_%s=t,prompt_tokens=in,output_tokens=out" % unit).err
        check("found '%s' in t, expected" % time in said and "arrival_s, _ms, _us, _ns and _date" in said, said)
    for columns, part in (("arrival_s=a", "prompt_tokens and output_tokens"), ("prompt_tokens=a,output_tokens=b", "arrival_s"),
                          ("arrival_s=a,arrival_ms=b,prompt_tokens=c,output_tokens=d", "arrival_ms=b"),
                          ("arrival_s=a,prompt_tokens=b,prompt_tokens=c,output_tokens=d", "prompt_tokens=c"),
                          ("arrival_s=Request Time,prompt_tokens=nosuch,output_tokens=User", "lacks nosuch"),
                          ("arrival_s=Request Time,prompt_tokens=Input Tokens,output_tokens=User", "own.csv:2:7: found 'x' in User"),
                          ("arrival_ns=User,prompt_tokens=Input Tokens,output_tokens=Generated Tokens", "expected nanoseconds")):
        result = execute("trace", "show", "own.csv", "--trace-format", "columns:" + columns)
        check(result.status == 2 and part in result.err and len(result.messages) == 1, str(result))
    check("--trace-format 'columns:" in execute("trace", "show", "own.csv", "--trace-format", "columns").err)
    check(execute("trace", "convert", "own.csv", "--to", advised, "-o", "x.csv").status == 2)
    for text, part in (("ts;in;out\n1;2;3\n", "tr ';' ,"), ("ts\tin\tout\n1\t2\t3\n", "tr '\\t' ,")):
        write("apart.csv", text)
        check(part in execute("trace", "show", "apart.csv").err, part)


def test_files_of_other_programs():
    """What spreadsheets, pandas and Windows write is told by its name, with what makes a trace of it"""
    for data, part in ((b"PK\x03\x04\x14\x00rest\n", "Save the table as CSV"), (b"PAR1\x15rest\n", "read_parquet"),
                       ("arrival_s,prompt_tokens,output_tokens\n0,1,1\n".encode("utf-16"), "iconv -f UTF-16"),
                       (b",arrival_s,prompt_tokens,output_tokens\n0,0,5,5\n", "index=False"),
                       (b"ts;in;out\n0,5;1;2\n", "tr ',;' '.,'")):
        write("table", data)
        result = execute("trace", "show", "table")
        check(result.status == 2 and len(result.messages) == 1 and part in result.err, str(result))


def test_against():
    """A benchmark's result is what a run is held against: TTFT, and the time of the last token, as it has them."""
    write("v.json", json.dumps(VLLM, indent=1))
    write("a.jsonl", AIPERF)
    against = succeed(*RUN, "--trace", "v.json", "--against", "v.json", "--format", "json").json["against"]
    check_equal(against["requests"], 2)
    check_close(against["ttft_s"]["mean"]["measured"], 0.025, "ttft")
    check_close(against["e2e_s"]["mean"]["measured"], (0.02 + 0.19 + 0.03 + 0.58) / 2, "e2e")
    check_close(against["tpot_s"]["mean"]["measured"], 0.015, "tpot")
    against = succeed(*RUN, "--trace", "a.jsonl", "--against", "a.jsonl", "--format", "json").json["against"]
    check_equal(against["requests"], 2)
    check_close(against["ttft_s"]["mean"]["measured"], 0.0455, "ttft")
    check_close(against["e2e_s"]["mean"]["measured"], 0.5, "e2e")
    write("g.json", json.dumps(GUIDELLM))
    against = succeed(*RUN, "--trace", "g.json", "--against", "g.json", "--format", "json").json["against"]
    check_equal(against["requests"], 2)
    check_close(against["ttft_s"]["mean"]["measured"], (0.0455 + 0.02) / 2, "ttft")
    check_close(against["tpot_s"]["mean"]["measured"], 0.005, "tpot")
    write("sweep.json", json.dumps({"benchmarks": 2 * GUIDELLM["benchmarks"]}))
    check("2 benchmarks, expected one" in execute(*RUN, "--trace", "g.json", "--against", "sweep.json").err)
    write("two.jsonl", lines(VLLM, VLLM))
    check("second run" in execute(*RUN, "--trace", "v.json", "--against", "two.jsonl").err)


def test_cases():
    """The cases that people met, where they are at hand."""
    folder = os.path.join(os.environ.get("SPILLWAY_SHARED", ""), "cases", "traces")
    if not os.path.isdir(folder):
        raise Skip("these files do not ship, and are not at hand")
    for name in ("bailian.jsonl", "bailian-nohash.jsonl"):
        shown = show(os.path.join(folder, name))
        check_equal(shown["requests"], 3, name)
        check_close(shown["duration_s"], 7138.786, name)
    for name in ("vllm-bench.json", "sglang-bench.jsonl", "aiperf.jsonl", "splitwise.csv"):
        check(show(os.path.join(folder, name))["requests"] in (1, 2, 3), name)
    for name in ("dynamo-sessions.jsonl", "lss-sub.jsonl"):
        check_equal(show(os.path.join(folder, name))["requests"], 2, name)
    result = execute("trace", "show", os.path.join(folder, "sharegpt.json"))
    check(result.status == 2 and result.err.count("\n") == 2, result.err)


def test_close_turns():
    """Turns whose times are the earliest that there can be are at once: no rate is made of them."""
    write("turns.jsonl", '{"session_id":"a","arrival_time_ns":0,"sub_requests":[{"input_toks":10,"output_toks":2},{"input_toks":15,"output_toks":2}]}\n')
    text = succeed("trace", "show", "turns.jsonl").text
    check("2 requests; form" in text and "arrivals    all at 0 s" in text and "a second" not in text, text)


main(all_tests(globals()))
