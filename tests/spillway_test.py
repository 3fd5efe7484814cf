"""What the tests of the command line share: running the program, small inputs, TAP.

A test is a function that takes nothing and raises on failure; it runs in a folder of its own. The program is
$SPILLWAY, the source tree $SPILLWAY_SRCDIR.
"""
import gzip
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import traceback

SPILLWAY = os.environ["SPILLWAY"]
SRCDIR = os.environ["SPILLWAY_SRCDIR"]
SHARED = os.environ.get("SPILLWAY_SHARED")
TIMEOUT_S = 60
with open(SPILLWAY, "rb") as program:
    SANITIZED = b"__asan_init" in program.read()
SANITIZED_SLOWNESS = 5

HARDWARE = ["--model", "llama-2-7b", "--device", "a100-40gb"]
DEMO = [*HARDWARE, "--trace", "demo", "--kv-memory", "12%"]
HEADER = "arrival_s,prompt_tokens,output_tokens\n"

# The older engines, with and without what each can have.
ENGINES = [["--scheduler", "vllm-v1"],
           ["--scheduler", "vllm-v1", "--no-enable-chunked-prefill"],
           ["--scheduler", "vllm-v1", "--enable-prefix-caching"],
           ["--scheduler", "vllm-v1", "--long-prefill-token-threshold", "100"],
           ["--scheduler", "vllm-v1", "--async-scheduling"],
           *(["--scheduler", scheduler, "--block-manager", manager, chunked]
             for scheduler, manager, chunked in itertools.product(
                 ["vllm-0.6", "vllm-0.5"], ["1", "2"],
                 ["--enable-chunked-prefill", "--no-enable-chunked-prefill"]))]
OVERFLOW = [["--overflow", "recompute"], ["--overflow", "swap"]]


class Failure(Exception):
    """A check that did not hold."""


class Skip(Exception):
    """What this test needs is not here."""


def messages_of(err):
    """Each one line, or two of which the second says what to do."""
    messages = []
    for line in err.splitlines():
        if ": note: " in line:
            continue
        if messages and not line.startswith("spillway") and "\n" not in messages[-1]:
            messages[-1] += "\n" + line
        else:
            messages.append(line)
    return messages


class Result:
    def __init__(self, command, status, out, err):
        self.command, self.status, self.out = command, status, out
        self.err = err.decode("utf-8", "replace")
        self.messages = messages_of(self.err)

    def __str__(self):
        return "%s\nexit status %s\n%s" % (shlex.join(map(os.fsdecode, self.command)), self.status, self.err[-4000:])

    @property
    def text(self):
        return self.out.decode()

    @property
    def json(self):
        return json.loads(self.out)


def execute(*words, stdin=b"", file_blocks=None, patience_s=TIMEOUT_S):
    """Runs the program. file_blocks: the largest file that it may write, in 512 bytes."""
    command = [SPILLWAY, *map(os.fspath, map(str_or_path, words))]
    patience_s *= SANITIZED_SLOWNESS if SANITIZED else 1
    shell = ["sh", "-c", 'ulimit -f "$0"; exec "$@"', str(file_blocks)] if file_blocks else []
    try:
        done = subprocess.run(shell + command, input=stdin, capture_output=True, timeout=patience_s)
    except subprocess.TimeoutExpired:
        raise Failure("no end in %d s: %s" % (patience_s, shlex.join(command))) from None
    result = Result(command, done.returncode, done.stdout, done.stderr)
    check_sound(result)
    return result


def str_or_path(word):
    return word if isinstance(word, (str, bytes, os.PathLike)) else str(word)


def check_sound(result):
    """Whatever it was given, it ends by itself and no sanitizer complains."""
    check(result.status in (0, 1, 2), "ended by a signal, or with a status of its own\n%s" % result)
    for complaint in ("Sanitizer", "runtime error", "CRITICAL **", "WARNING **", "(null)"):
        check(complaint not in result.err, "%s\n%s" % (complaint, result))
    check(b"(null)" not in result.out, "a text that is not there is printed\n%s" % result)


def succeed(*words, **options):
    result = execute(*words, **options)
    check(result.status == 0, str(result))
    return result


def check_refused(words, expected, **options):
    """The words are refused with one message that holds all that is expected."""
    result = execute(*words, **options)
    check(result.status == 2 and result.out == b"", str(result))
    check(len(result.messages) == 1, "not one line\n%s" % result)
    check(result.err.startswith("spillway"), str(result))
    for text in expected:
        check(text in result.messages[0], "no '%s'\n%s" % (text, result))


def check_table(table):
    """Rows of the words, then what the message of their refusal must hold."""
    for words, *expected in table:
        check_refused(words, expected)


def run_json(*words, **options):
    return succeed("run", *words, "--format", "json", **options).json


def check(condition, text=""):
    if not condition:
        raise Failure(text)


def check_equal(found, expected, what=""):
    check(found == expected, "%s\nfound    %.2000s\nexpected %.2000s" % (what, found, expected))


def check_close(found, expected, what="", relative=1e-9):
    close = abs(found - expected) <= relative * max(abs(found), abs(expected), 1e-9)
    check(close, "%s: found %r, expected %r" % (what, found, expected))


def flatten(value, prefix=""):
    """Its leaves, by their keys with points between."""
    if not isinstance(value, dict):
        return {prefix: value}
    return {key: leaf for name, member in value.items()
            for key, leaf in flatten(member, prefix + "." + name if prefix else name).items()}


def without_wall(text):
    """The lines of a JSON summary, but for the time that it took."""
    return [line for line in text.splitlines() if '"wall_s"' not in line]


def without(summary, *keys):
    """A summary as JSON less what may differ between equal runs."""
    return {key: value for key, value in summary.items() if key not in ("wall_s",) + keys}


def write(path, content, packed=False):
    data = content.encode() if isinstance(content, str) else content
    with open(path, "wb") as file:
        file.write(gzip.compress(data, mtime=0) if packed else data)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def read_json_lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def source(*parts):
    return os.path.join(SRCDIR, *parts)


def options_of_help(text):
    """The long options that a help text lists, each with whether it takes a value."""
    return {option: bool(value)
            for option, value in re.findall(r"^  (?:-\w, )?(--[a-z-]+)(=\S+)?", text, re.M)}


def end(number, _):
    """Told to end: as by exit(), so that no folder is left."""
    sys.exit(128 + number)


def main(tests):
    """Runs (name, function) pairs, each in a new folder; prints TAP."""
    failed = 0
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, end)
    print("1..%d" % len(tests), flush=True)
    for number, (name, test) in enumerate(tests, 1):
        line, details = "ok %d - %s" % (number, name), ""
        with tempfile.TemporaryDirectory(prefix="spillway-test-", ignore_cleanup_errors=True) as folder:
            os.chdir(folder)
            try:
                test()
            except Skip as reason:
                line += " # SKIP %s" % reason
            except Failure as failure:
                line, details = "not " + line, str(failure)
            except Exception:  # a mistake in the test, or output that cannot be parsed
                line, details = "not " + line, traceback.format_exc()
            os.chdir("/")
        failed += line.startswith("not")
        print(line, flush=True)
        for detail in details.splitlines():
            print("# " + detail, flush=True)
    sys.exit(1 if failed else 0)


def all_tests(namespace):
    """Every function test_… of a module, in order, named by its docstring."""
    return [(function.__doc__.partition("\n")[0].rstrip("."), function)
            for name, function in namespace.items()
            if name.startswith("test_") and callable(function)]
