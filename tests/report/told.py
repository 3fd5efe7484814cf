#!/usr/bin/env python3
"""doc/results.md, and the pages that it names, tell every key of JSON, every column of CSV and every column of a database."""
import json
import re
import sqlite3

from spillway_test import HARDWARE, all_tests, check, check_equal, execute, main, options_of_help, read, source, succeed, write

BURST = [*HARDWARE, "--trace", "study-burst", "--kv-memory", "12%"]
COPIES = [*BURST, "--overflow", "swap", "--swap-space", "1", "--overlap-copies", "--kv-offloading-disk", "32"]
LOAD = ["--model", "llama-3.2-1b", "--device", "h100-sxm", "--slo", "ttft:p99<9s,tpot:mean<4ms", "--num-prompts", "20", "--seeds", "1"]
TINY = ["--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--num-gpu-blocks", "24", "--block-size", "8",
        "--num-cpu-blocks", "200", "--overflow", "swap", "--overlap-copies",
        "--trace", "gen:--requests=14 --rate=3000 --prompt=uniform:3,40 --output=uniform:8,40"]
SMALL = [*HARDWARE, "--num-gpu-blocks", "14", "--max-model-len", "150", "--overflow", "recompute,swap", "--victim", "newest",
         "--trace", "gen:--requests=4 --arrivals=burst --prompt=uniform:20,60 --output=uniform:40,60"]
MAP = ["study", "policies", "--models", "qwen2.5-0.5b", "--engines", "vllm-0.6", "--pressures", "2", "--prompts", "200", "--outputs", "60",
       "--links", "1", "--seeds", "1", "--requests", "8", "--trace", "none"]
# The engine ends the first cell.
STUDY = ("[study]\nname = s\n[run]\nmodel = llama-2-7b\ndevice = a100-40gb\ntrace = study-burst\nscheduler = vllm-0.6\noverflow = swap\n"
         "num-cpu-blocks = 50\n[grid]\nnum-gpu-blocks = 400,8000\n")
POINTS = ("id,model_path,system,backend,backend_version,precision,isl,osl,batch_size,tp_size,silicon_ttft_ms,silicon_tpot_ms\n"
          "a,meta-llama/Llama-3.1-8B,h100_sxm,vllm,0.14.0,bf16,1000,100,4,1,60,8\n")


def told(*pages):
    """The names in pages' backticks and headings, and those that follow from tables of the program: figures, each with
    its interval, and options."""
    text = "\n".join(re.sub("```.*?```", "", read(source("doc", page)).decode(), flags=re.S) for page in pages)
    names = set(re.findall(r"\w+", " ".join(re.findall("`([^`\n]+)`", text) + re.findall("^### (.*)", text, re.M))))
    for option in options_of_help(succeed("run", "--help").text):
        names |= {option[2:], re.sub("^no-", "", option[2:]).replace("-", "_")}
    for figure in succeed("list", "figures", "--names").text.split():
        names |= {figure, *figure.split("."), figure.replace(".", "_"), figure.replace(".", "_") + "_ci95"}
    return names | {"overhead_s_ci95"}


def keys_of(value):
    """All keys of objects, at any depth; settings' of policies and grids among them."""
    if isinstance(value, dict):
        return set(value).union(*(keys_of(member) for member in value.values()))
    return set().union(*(keys_of(member) for member in value)) if isinstance(value, list) else set()


def columns_of(text):
    return set(text.split("\n")[0].split(","))


def check_told(names, found, what):
    check_equal(sorted(name for name in found if name not in names and not set(name.split(".")) <= names), [], what)


def test_keys_and_columns():
    """--format json and csv of each verb: every key and every column is told"""
    names = told("results.md", "capacity.md", "servers.md", "validation.md")
    write("s.ini", STUDY)
    write("p.csv", POINTS)
    succeed("run", *BURST, "--requests", "r.csv")
    check_told(names, columns_of(read("r.csv").decode()), "--requests")
    for words, status in ((["run", *COPIES, "--against", "r.csv"], 0), (["run", *BURST, "--scheduler", "sglang"], 0),
                          (["live", *TINY], 0), (["validate", *TINY], 0), (["compare", *BURST, "--overflow", "all"], 0),
                          (["sweep", "s.ini", "-o", "s.db"], 1), (["capacity", *LOAD], 0), (["servers", "p.csv"], 0),
                          (["regret", *SMALL, "--budget", "200", "--exhaustive"], 0), (["crossover", *HARDWARE], 0)):
        both = [execute(*words, "--format", form) for form in ("json", "csv")]
        check_equal([result.status for result in both], [status, status], str(both[0]))
        check_told(names, keys_of(json.loads(both[0].out)), words[0])
        check_told(names, columns_of(both[1].text), words[0])


def test_columns_of_databases():
    """-o of run, sweep, capacity, regret and study policies: every table, view and column is told"""
    names = told("results.md", "sweeps.md", "capacity.md")
    write("s.ini", STUDY)
    execute("sweep", "s.ini", "-o", "r.db")
    for words in (["run", *COPIES, "--record-steps"], ["capacity", *LOAD], ["regret", *SMALL, "--budget", "20", "--exhaustive"],
                  MAP):
        succeed(*words, "-o", "r.db")
    database = sqlite3.connect("r.db")
    tables = [name for name, in database.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
              if not name.startswith("sqlite_")]
    check(len(tables) > 16, str(tables))
    check_told(names, tables, "tables")
    for table in tables:
        check_told(names, [row[1] for row in database.execute("PRAGMA table_info(%s)" % table)], table)
    database.close()


main(all_tests(globals()))
