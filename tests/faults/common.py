"""What the tests of faults share: small runs, studies and databases, and those that were damaged."""
import os
import shutil
import sqlite3
import subprocess
import threading

from spillway_test import (HARDWARE, SANITIZED, SPILLWAY, check, check_equal, execute, read, source, succeed, write)

RUN = ["run", *HARDWARE, "--trace", "demo", "--limit", "60", "--kv-memory", "12%"]
STUDY = """[study]
name = memory
seeds = 1,2
[run]
model = llama-2-7b
device = a100-40gb
trace = gen:--requests 30 --rate 1.5 --prompt fixed:1000 --output uniform:64,512
[grid]
overflow = recompute,swap
"""
CAPACITY = """[study]
name = c
seeds = 1,2
[run]
model = llama-3.1-8b
num-prompts = 150
random-input-len = 600
random-output-len = 80
slo = ttft:p99<800ms,tpot:p99<40ms
[grid]
device = l40s,h100-sxm
"""
POINTS = """id,model_path,system,backend,backend_version,precision,mode,isl,osl,gemm_quant_mode,batch_size,tp_size,pp_size,\
attention_dp_size,silicon_ttft_ms,silicon_tpot_ms
a,Qwen/Qwen3-32B,h100_sxm,vllm,0.12.0,,agg,256,32,,4,2,1,,200,15
b,Qwen/Qwen3-32B,h100_sxm,sglang,0.5.1.post1,,agg,256,32,,4,8,1,,100,8
"""
POLICIES = ["study", "policies", "--engines", "vllm,vllm-0.6", "--models", "llama-3.1-8b", "--pressures", "2,4", "--prompts", "256",
            "--outputs", "64", "--links", "1", "--seeds", "2", "--requests", "60", "--trace", "none"]
TINY = ["--executor", "cpu", "--model", source("tests", "models", "tiny-llama.json"), "--num-gpu-blocks", "24", "--block-size", "8",
        "--num-cpu-blocks", "200", "--scheduler", "vllm-0.6", "--overflow", "swap", "--trace",
        "gen:--requests=14 --rate=3000 --prompt=uniform:3,40 --output=uniform:8,40"]
PROFILE = """# spillway-profile 1
# name: by-hand
# device: h100-sxm
# origin 0 source: a stopwatch
operation,dtype,shape,median_ns
gemm,bfloat16,m=16;n=4096;k=4096,13345.6
gemm,bfloat16,m=1;n=4096;k=4096,12345.6
"""
LONG = "gen:--requests 20000 --rate 2 --prompt uniform:64,512 --output uniform:200,600"


def refused(*words, expected=(), status=2, **options):
    """One message, that status, in good time."""
    result = execute(*words, **options)
    check_equal(result.status, status, str(result))
    check_equal(len(result.messages), 1, str(result))
    for part in expected:
        check(part in result.messages[0], "expected %r\n%s" % (part, result))
    return result


def sql(path, script):
    with sqlite3.connect(path) as database:
        database.executescript(script)
    database.close()


def rows(path, query):
    with sqlite3.connect(path) as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def runs_of(path):
    """What a database has of its runs: figures and settings, not when they came."""
    return rows(path, "SELECT r.requests, r.finished, r.makespan_s, r.e2e_s_mean, r.preemptions, r.steps, (SELECT count(*) FROM"
                " request WHERE run_id = r.id), (SELECT group_concat(key || '=' || value) FROM (SELECT key, value FROM config"
                " WHERE run_id = r.id AND value IS NOT NULL ORDER BY key)) AS c FROM run AS r ORDER BY c, r.makespan_s")


def preload(library, words, environment=()):
    """The program with one of the tests' libraries loaded before it."""
    path = os.path.join(os.environ["SPILLWAY_BUILDDIR"], "tests", "faults", library)
    check(os.path.exists(path), path)
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    return subprocess.run([SPILLWAY, *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=120,
                          env={**os.environ, "LD_PRELOAD": path, "ASAN_OPTIONS": options, **dict(environment)})


def records(log):
    """What disk.so noted: operation, file, offset, bytes."""
    at = 0
    while at < len(log):
        end = log.index(b"\n", at)
        what, file, offset, n = log[at:end].split()
        at = end + 1 + int(n)
        yield what.decode(), int(file), int(offset), bytes(log[end + 1:at])


def noted(words, folder):
    """Runs it; what it did to the folder's files."""
    done = preload("disk.so", words, {"DISK_LOG": "log", "DISK_FOLDER": folder})
    check_equal(done.returncode, 0, done.stderr.decode())
    log = list(records(read("log")))
    os.unlink("log")
    return log


def readers(path):
    """Every way in for a results database; pictures where there is what draws them."""
    pictures = [["report", path, "--format", "svg", "-o", "figures"], ["plot", path]] if shutil.which("gnuplot") else []
    return [["report", path, "-o", "page.html"], *pictures, ["explain", path], ["explain", path, "--top", "3"], ["merge", path, "-o", "merged.db"],
            [*RUN, "--executor", "replay", "--replay", path]]


def make_run(path="r.db"):
    succeed(*RUN, "--record-steps", "-o", path)
    return path


def make_study(path="s.db", *words):
    write("study.ini", STUDY)
    succeed("sweep", "study.ini", "-o", path, *words)
    return path


def damaged(script, path="bad.db", original="r.db"):
    shutil.copy(original, path)
    sql(path, script)
    return path


LIBRARY = any(map(os.path.exists, ("/usr/share/javascript/chart.js/chart.min.js",
                                   "/usr/share/javascript/chart.js/Chart.min.js",
                                   "/usr/share/javascript/chart.js/chart.umd.js",
                                   "/usr/share/nodejs/chart.js/dist/chart.min.js")))


def drain(path):
    """Reads a pipe to its end beside what follows; join() gives the bytes."""
    found = []
    thread = threading.Thread(target=lambda: found.append(read(path)), daemon=True)
    thread.start()

    def join():
        thread.join(20)
        return found[0] if found else None
    return join


def limited(kilobytes, *words, **options):
    """The program with so much address space; AddressSanitizer reserves terabytes of it, and ends a program by its memory."""
    if SANITIZED:
        return refused_by(["env", "ASAN_OPTIONS=%s:hard_rss_limit_mb=%d" % (os.environ.get("ASAN_OPTIONS", ""), kilobytes // 1024),
                           SPILLWAY, *words], **options)
    return refused_by(["sh", "-c", 'ulimit -v "$0"; exec "$@"', str(kilobytes), SPILLWAY, *words], **options)


def refused_by(command, status=2, expected=(), stdin=None):
    done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, timeout=120)
    lines = [line for line in done.stderr.decode().splitlines() if ": note: " not in line]
    check(done.returncode == status and len(lines) == 1, "%s\nstatus %d\n%s" % (command, done.returncode, done.stderr))
    for part in expected:
        check(part in lines[0], "expected %r in %s" % (part, lines[0]))
