#!/usr/bin/env python3
"""Traces that are broken, or of another form than is said: each refused in one message."""
import os

from spillway_test import HARDWARE, HEADER, all_tests, check_refused, check_table, main, read, succeed, write

GEN = ["trace", "gen", "--requests", "5", "--rate", "1"]


def trace(content, packed=False):
    """The words of a run on a trace of that content."""
    return ["run", *HARDWARE, "--trace", write("t.csv", content, packed)]


def test_broken_traces():
    """Traces that are missing, empty, cut, packed badly, binary or folders."""
    packed = write("whole.gz", HEADER + "0,10,10\n" * 500, packed=True)
    os.mkdir("folder")
    check_refused(["run", *HARDWARE, "--trace", "missing.csv"], ["missing.csv", "no such file"])
    check_refused(["run", *HARDWARE, "--trace", "./gone/t.csv"], ["./gone/t.csv", "No such file"])
    check_refused(["run", *HARDWARE, "--trace", "folder"], ["folder", "directory", "expected a trace"])
    check_refused(["run", *HARDWARE, "--trace", "-"], ["standard input", "empty", "expected a trace"])
    for content, *expected in [
            (b"", "t.csv", "empty", "expected a trace"), (b"\n\n", "empty", "expected a trace"),
            (HEADER, "found no requests", "expected at least one"),
            (HEADER + "0,10", "t.csv:2:1", "'0,10'", "3 fields", "none for output_tokens"),
            (read(packed)[:30], "t.csv", "truncated"), (b"\x1f\x8b\x08", "t.csv", "truncated"),
            (read(packed)[:20] + b"xxxx" + read(packed)[24:], "t.csv", "damaged"),
            (bytes(range(256)) * 4, "t.csv:1:1", "the first line", "arrival_s,prompt_tokens"),
            (HEADER.encode() + b"0,\xff\xfe,10\n", "t.csv:2:3", r"\xff\xfe", "prompt_tokens"),
            ("a,b,c\n1,2,3\n", "t.csv:1:1", "'a,b,c'", "arrival_s,prompt_tokens,output_tokens"),
            ("arrival_s,prompt_tokens\n0,1\n", "t.csv:1:1", "it lacks output_tokens"),
            ("arrival_time,num_prefill_tokens,num_decode_tokens\n0,1,1\n", "t.csv:1:1", "it lacks arrived_at.\nIf it has these by other names: "
             "--trace-format 'columns:arrival_s=arrival_time,prompt_tokens=num_prefill_tokens,output_tokens=num_decode_tokens'"),
            ("# spillway-trace 2\n" + HEADER + "0,1,1\n", "t.csv:1", "'2'", "later version"),
            ('{"timestamp": 0, "input_length": 4', "t.csv:1:1", "JSON lines with timestamp"),
            ('{"timestamp": 0, "output_length": 4}\n', "t.csv:1", "input_length"),
            (HEADER.replace("\n", ",id\n") + "0,1,1,a\n1,1,1,a\n", "t.csv:3", "'a'", "line 2", "unique")]:
        check_refused(trace(content), expected)


def test_other_separators():
    """A form of one's own for fields that are not apart by commas: it is said that they are not."""
    for apart in (";", "\t"):
        words = trace(apart.join(("ts", "in", "out")) + "\n" + apart.join("011") + "\n")
        check_refused([*words, "--trace-format", "columns:arrival_s=ts,prompt_tokens=in,output_tokens=out"],
                      ["t.csv:1:1", "it lacks ts, in, out.\nIts fields are apart by '%s'" % apart.replace("\t", "\\t")])


def test_broken_fields():
    """Fields that are no number, too large, negative; too many or too few of them."""
    for text in ("-1", "nan", "inf", "0x10", "99999999999999999999", "abc", "", "1 2", "1e999"):
        found = "'%s'" % text if text else "found nothing"
        check_refused(trace(HEADER + "0,1,1\n%s,10,10\n" % text), ["t.csv:3:1", found, "arrival_s", "seconds"])
        for column, name in ((1, "prompt_tokens"), (2, "output_tokens")):
            fields = ["0", "7", "7"]
            fields[column] = text
            check_refused(trace(HEADER + ",".join(fields)),
                          ["t.csv:2:%d" % (2 * column + 1), found, name, "a whole number from 1 to"])
    for text in ("0", "1.5", "4294967296", "-0.5"):
        check_refused(trace(HEADER + "0,%s,1\n" % text), ["t.csv:2:3", "'%s'" % text, "whole number"])
    check_refused(trace(HEADER + "0,1,1,1\n"), ["t.csv:2:1", "'0,1,1,1'", "3 fields", "there are 4"])
    check_refused(trace(HEADER + "0,1\n"), ["t.csv:2:1", "'0,1'", "3 fields", "only 2"])
    check_refused(trace(HEADER + '0,"1,1\n'), ["t.csv:2:3", "quotes that pair"])


def test_broken_binary_traces():
    """Binary traces that are cut, longer than they say, changed, of another format number, or none."""
    succeed("trace", "convert", "demo", "-o", "whole.bin")
    whole = read("whole.bin")
    for content, *expected in [
            (whole[:7], "t.csv:1:1", "the first line", "spillway list trace-formats"),
            (whole[:8], "after 8 bytes", "truncated"), (whole[:63], "after 63 bytes", "truncated"),
            (whole[:-1], "found %d bytes" % (len(whole) - 1), "expected %d" % len(whole), "400 requests", "truncated"),
            (whole + b"\n", "found %d bytes" % (len(whole) + 1), "appended"),
            (whole[:-20] + b"\1" + whole[-19:], "damaged"),
            (whole[:8] + b"\3" + whole[9:], "format number 3", "expected 1 to 2", "later version"),
            (whole.replace(b"\r\n", b"\n", 1), "the first line", "spillway list trace-formats")]:
        check_refused(trace(content), ["t.csv", *expected])
    check_refused(["trace", "show", "-"], ["standard input", "truncated"], stdin=whole[:-8])
    check_refused(["trace", "show", "-"], ["standard input", "expected the end"], stdin=whole + whole)
    check_refused(["trace", "show", "whole.bin", "--trace-format", "azure"], ["whole.bin:1:1", "TIMESTAMP"])
    check_refused(["trace", "show", write("t.csv", HEADER + "0,1,1\n"), "--trace-format", "binary"],
                  ["t.csv", "'arrival_'", "expected a binary trace"])


def test_trace_forms():
    """A trace that is not of the form that was given."""
    write("t.csv", HEADER + "0,1,1\n")
    check_table([
        (["run", *HARDWARE, "--trace", "t.csv", "--trace-format", "mooncake"], "t.csv:1", "JSON object"),
        (["run", *HARDWARE, "--trace", "t.csv", "--trace-format", "azure"], "t.csv:1", "TIMESTAMP"),
        (["trace", "show", "t.csv", "--trace-format", "cvs"], "--trace-format", "'cvs'", "spillway, azure"),
        (["trace", "show"], "a trace is missing"), (["trace", "show", "demo", "--format", "xml"], "'xml'", "json"),
        (["trace", "convert", "demo"], "-o FILE"), (["trace", "convert", "-o", "x"], "expected one"),
        (["trace", "convert", "demo", "-o", "x", "--to", "burstgpt"], "'burstgpt'", "only be read", "azure"),
        (["trace", "convert", "demo", "-o", "x", "--limit", "0"], "--limit", "'0'", "from 1 to"),
        (["trace", "convert", "demo", "-o", "x", "--to", "steps"], "whole seconds only"),
        (["trace"], "gen, convert or show"), (["trace", "x"], "'x'", "gen, convert or show")])


def test_generated_traces():
    """trace gen, and gen: in a run, with options that make no trace."""
    lengths = ["--prompt", "fixed:5", "--output", "fixed:5"]
    check_table([
        (["trace", "gen"], "--requests"), (["trace", "gen", "--requests", "5"], "--rate"), (GEN, "--prompt"),
        (GEN + lengths + ["x"], "'x'"), (GEN + lengths + ["--seed", "-1"], "--seed", "'-1'", "whole number"),
        (["trace", "gen", "--requests", "0", "--rate", "1"] + lengths, "--requests", "'0'", "from 1"),
        (GEN + ["--prompt", "fixed:0"], "--prompt", "'fixed:0'", "fixed:N"),
        (GEN + ["--prompt", "norm:5"], "--prompt", "'norm:5'", "lognormal:mean=M"),
        (GEN + ["--prompt", "uniform:9,3"], "--prompt", "uniform:9,3"),
        (GEN + ["--prompt", "empirical:gone", "--output", "fixed:5"], "--prompt", "gone", "No such file"),
        (GEN + lengths + ["--turns", "3"], "--turns", "mooncake"),
        (["run", *HARDWARE, "--trace", "gen:"], "--trace gen", "--requests"),
        (["run", *HARDWARE, "--trace", "gen:x"], "--trace gen", "'x'", "expected only options"),
        (["run", *HARDWARE, "--trace", "gen:--requests 5 -o x"], "--trace gen", "'-o'"),
        (["run", *HARDWARE, "--trace", "gen:'"], "--trace gen")])


main(all_tests(globals()))
