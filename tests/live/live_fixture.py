"""What the tests of live, replay and validate share: small models and tight memory, on the CPU and on an emulated GPU."""
import os
import subprocess

from spillway_test import SPILLWAY, check, check_equal, execute, source

LIVE = ["live", "--executor", "cpu"]
TRACE = "gen:--requests=14 --rate=3000 --prompt=uniform:3,40 --output=uniform:8,40"
TIGHT = ["--num-gpu-blocks", "24", "--block-size", "8", "--num-cpu-blocks", "200"]


def model(name):
    return source("tests", "models", name + ".json")


def refuse(expected, *words):
    result = execute(*words)
    check_equal(result.status, 2, str(result))
    for text in expected:
        check(text in result.err, "%r is not in\n%s" % (text, result))


def emulated_gpu(*words):
    """spillway-gpu with an emulated GPU, which make check builds where there is a C++ compiler; None: it is not there"""
    program = os.path.join(os.path.dirname(SPILLWAY), "tests", "live", "emulated-gpu")
    if not os.path.exists(program):
        return None
    return subprocess.run([program, *[str(word) for word in words]], capture_output=True, text=True, check=False)


GPU = ["--model", model("tiny-gpu"), "--trace", "gen:--requests=8 --arrivals=burst --prompt=uniform:5,40 --output=uniform:8,20",
       "--scheduler", "vllm-0.6", "--overflow", "swap", "--block-size", "8", "--max-num-seqs", "8"]
GPU_TIGHT = [*GPU, "--num-gpu-blocks", "20", "--num-cpu-blocks", "100"]
