"""Random command lines over all options of `run`: engines, policies, clients, models, devices, traces, each now and then.

What goes together is not minded: a line may be refused."""
import contextlib
import functools
import json
import re

from spillway_test import Failure, source, succeed

FAMILIES = ["llama-2-7b", "llama-3.1-8b", "mixtral-8x7b", "qwen2.5-0.5b", "mistral-7b",
            *(source("tests", "models", "families", name + ".json")
              for name in ("gemma-3-4b", "deepseek-v2-lite", "jamba-v0.1", "qwen3-next-80b-a3b", "gpt-oss-20b",
                           "nemotron-nano-9b-v2", "falcon-7b", "llama-4-scout"))]
DEVICES = ["a100-40gb", "h100-sxm", "b200", "l4", "mi300x", "rtx-4090"]

ROUTERS = ["round-robin", "random", "least-requests", "least-tokens", "least-kv", "two-choices", "prefix", "session"]
ROUTER_WORDS = [["--router-waiting-weight", "0"], ["--router-waiting-weight", "8"], ["--cache-threshold", "0"], ["--cache-threshold", "0.9"],
                ["--balance-abs-threshold", "2"], ["--balance-rel-threshold", "1"], ["--max-tree-size", "1"], ["--max-tree-size", "20000"]]


NO_NUMBER = re.compile(r"(?<![a-z-])-?(nan|inf)(?![a-z-])|(?<![0-9.-])-0(\.0*)?(?![0-9.])", re.I)


def names(kind):
    return re.findall(r"^  ([a-z][a-z0-9.-]*) ", succeed("list", kind).text, re.M)


def refuse_constant(word):
    raise Failure("%s in JSON" % word)


def parse(text):
    return json.loads(text, parse_constant=refuse_constant)


def maybe(chance, share, *words):
    return list(words) if chance.random() < share else []


def random_trace(chance):
    """Generated, drawn as a benchmark's, shipped, or with prompts that repeat."""
    kind = chance.randrange(4)
    if kind == 0:
        prompt, output = chance.choice([1, 16, 100, 700]), chance.choice([1, 2, 30, 200])
        text = "gen:--requests %d --rate %s --prompt uniform:1,%d --output uniform:1,%d" % (
            chance.randint(1, 60), chance.choice(["0.5", "8", "200"]), prompt, output)
        return ["--trace", text]
    if kind == 1:
        return ["--num-prompts", chance.randint(1, 50), "--random-input-len", chance.choice([1, 64, 512]),
                "--random-output-len", chance.choice([1, 16, 100]), *maybe(chance, 0.5, "--random-range-ratio", "0.4"),
                *maybe(chance, 0.5, "--request-rate", chance.choice(["1", "30", "inf"])),
                *maybe(chance, 0.2, "--burstiness", "0.3")]
    shipped = chance.choice(["demo", "study-burst", "chat-hour", "code-hour"]) if kind == 2 else "chat-turns"
    return ["--trace", shipped, "--limit", chance.randint(1, 60), *maybe(chance, 0.5, "--time-scale", "0.05")]


def random_pool(chance, scheduler):
    blocks = ["--num-gpu-blocks", chance.choice([1, 7, 40, 150, 600, 4000])]
    memory = ["--kv-memory", chance.choice(["1%", "6%", "600MiB", "3GiB", "20GiB"])]
    share = ["--gpu-memory-utilization", chance.choice(["0.5", "0.85", "0.95"])]
    if scheduler == "sglang" and chance.random() < 0.95:
        blocks = ["--max-total-tokens", chance.choice([64, 600, 5000, 60000])]
        share = ["--mem-fraction-static", chance.choice(["0.6", "0.9"])]
    return chance.choice([blocks, memory, share])


def random_sglang(chance):
    return [*maybe(chance, 0.4, "--page-size", chance.choice([1, 4, 16, 64])), *maybe(chance, 0.2, "--disable-radix-cache"),
            *maybe(chance, 0.1, "--disable-hybrid-swa-memory"), *maybe(chance, 0.1, "--swa-full-tokens-ratio", chance.choice(["0.1", "0.5", "1"])),
            *maybe(chance, 0.4, "--disable-overlap-schedule"), *maybe(chance, 0.3, "--enable-mixed-chunk"),
            *maybe(chance, 0.02, "--disable-piecewise-cuda-graph"), *maybe(chance, 0.1, "--disable-cuda-graph"),
            *maybe(chance, 0.3, "--ignore-eos"), *maybe(chance, 0.3, "--max-running-requests", chance.choice([1, 5, 300])),
            *maybe(chance, 0.4, "--chunked-prefill-size", chance.choice([-1, 16, 64, 512])),
            *maybe(chance, 0.3, "--max-prefill-tokens", chance.choice([64, 4096])),
            *maybe(chance, 0.3, "--schedule-conservativeness", chance.choice(["0.1", "1", "3"])),
            *maybe(chance, 0.1, "--data-parallel-size", 2, "--tensor-parallel-size", chance.choice([2, 4]), "--enable-dp-attention"),
            *maybe(chance, 0.1, "--expert-parallel-size", chance.choice([1, 2, 4])),
            *maybe(chance, 0.1, "--sglang-args", "python -m sglang.launch_server --page-size 16 --enable-mixed-chunk --port 1")]


def newer(scheduler, minor, share):
    """How often an option is drawn: seldom where the engine does not have it yet, and would refuse it."""
    version = re.fullmatch(r"vllm-0\.(\d+).*", scheduler)
    return share if version and int(version.group(1)) >= minor else 0.02


def random_disk(chance):
    return [*maybe(chance, 0.2, "--disk", chance.choice(["nvme-pcie4", "nvme-pcie5"])),
            *maybe(chance, 0.2, "--disk-read-bandwidth", chance.choice(["0.5", "12"])),
            *maybe(chance, 0.2, "--disk-write-bandwidth", chance.choice(["0.5", "12"])),
            *maybe(chance, 0.2, "--disk-latency", chance.choice(["0", "5000"])),
            *maybe(chance, 0.2, "--disk-queue-depth", chance.choice([1, 4]))]


OF_OFFLOAD = [["--offload-prompt-only", "--eviction-policy", "lru"], ["--no-offload-prompt-only", "--store-threshold", 2],
              ["--no-offload-prompt-only", "--eviction-policy", "arc"], ["--eviction-policy", "arc", "--store-threshold", 3]]


def random_vllm(chance, scheduler):
    is_old = scheduler in ("vllm-0.5", "vllm-0.6")
    words = [*maybe(chance, 0.3, "--block-size", chance.choice([1, 8, 16, 32, 128])),
             *maybe(chance, 0.3, "--max-num-batched-tokens", chance.choice([64, 512, 5000])),
             *maybe(chance, 0.3, chance.choice(["--enable-chunked-prefill", "--no-enable-chunked-prefill"])),
             *maybe(chance, 0.2 if is_old else newer(scheduler, 24, 0.2), "--watermark", chance.choice(["0", "0.01", "0.3"]))]
    if is_old:
        return words + maybe(chance, 0.5, "--block-manager", chance.choice([1, 2]))
    words += [*maybe(chance, 0.4, chance.choice(["--enable-prefix-caching", "--no-enable-prefix-caching"])),
              *maybe(chance, 0.2, "--long-prefill-token-threshold", chance.choice([16, 200])),
              *maybe(chance, 0.3, chance.choice(["--async-scheduling", "--no-async-scheduling"])),
              *maybe(chance, newer(scheduler, 8, 0.1), "--cudagraph-mode", chance.choice(["piecewise", "full-and-piecewise"])),
              *maybe(chance, newer(scheduler, 19, 0.2), chance.choice(["--scheduler-reserve-full-isl", "--no-scheduler-reserve-full-isl"])),
              *maybe(chance, 0.05, "--offline"), *maybe(chance, 0.1, "--enforce-eager"),
             *maybe(chance, 0.1, "--cudagraph-mode", chance.choice(["piecewise", "full-and-piecewise"])),
             *maybe(chance, 0.2, "--layerwise-copies"),
             *maybe(chance, 0.3, "--overlap-copies", *maybe(chance, 0.5, "--swap-ahead", chance.choice([1, 60])),
                     *maybe(chance, 0.5, *chance.choice([["--num-disk-blocks", chance.choice([1, 30, 3000])],
                                                         ["--kv-offloading-disk", chance.choice(["100", "64MiB"])]]), *random_disk(chance))),
              *maybe(chance, newer(scheduler, 31, 0.2), "--max-num-active-seqs", chance.choice([1, 20])),
              *maybe(chance, newer(scheduler, 24, 0.1), "--prefill-schedule-interval", chance.choice([1, 3]))]
    return words + maybe(chance, newer(scheduler, 33, 0.4), *chance.choice([["--num-offload-blocks", chance.choice([5, 200, 5000])],
                                                      ["--kv-offloading-size", "2"]]),
                         *maybe(chance, 0.5, *chance.choice(OF_OFFLOAD)))


@functools.lru_cache(maxsize=None)
def own_options():
    """Of each policy with options of its own these, with their defaults, as the program lists them."""
    own = {}
    for option, policy, value in re.findall(r"^  (--[a-z-]+)=\S+ +(?:overflow|victim|admission) ([a-z-]+): .*\(default (\S+)\)$",
                                            succeed("run", "--help").text, re.M):
        own.setdefault(policy, []).extend([option, value])
    return own


def random_policies(chance, choices):
    drawn = {"threshold": ["--swap-from-blocks", chance.choice([1, 20])], "split": ["--split-cuts", chance.choice([1, 30])],
           "partial": ["--partial-ahead-blocks", chance.choice([0, 9])],
           "watermark": ["--admission-watermark", chance.choice(["0", "0.4"])],
           "reserve": ["--reserve-share", "0.3", "--reserve-learning", "0.2"],
           "past-future": ["--past-future-quantile", "0.5"]}
    words = []
    for option, values in choices.items():
        if chance.random() < 0.4:
            value = chance.choice(values)
            words += [option, value, *maybe(chance, 0.5, *drawn.get(value, own_options().get(value, [])))]
    return words


def random_machine(chance, scheduler):
    if chance.random() < 0.25:
        return ["--executor", "unit", "--max-model-len", chance.choice([64, 2048]), *maybe(chance, 0.05, "--unit-copy-steps", "3"),
                *(["--max-total-tokens", chance.choice([90, 900])] if scheduler == "sglang" else ["--num-gpu-blocks", chance.choice([9, 90, 900])]), *maybe(chance, 0.5, "--num-cpu-blocks", chance.choice([0, 80]))]
    return ["--model", chance.choice(FAMILIES), "--device", chance.choice(DEVICES),
            *random_pool(chance, scheduler), *maybe(chance, 0.2, "--tensor-parallel-size", chance.choice([2, 4])),
            *maybe(chance, 0.06, "--instances", chance.choice([2, 2, 3]), *maybe(chance, 0.2, "--router-interval", chance.choice(["0", "0.003", "0.1", "9"])), *maybe(chance, 0.5, "--router", chance.choice(ROUTERS), *maybe(chance, 0.5, *chance.choice(ROUTER_WORDS)))),
            *maybe(chance, 0.05, "--data-parallel-size", chance.choice([2, 3]), *maybe(chance, 0.5, "--router", chance.choice(ROUTERS), *maybe(chance, 0.5, *chance.choice(ROUTER_WORDS)))), *maybe(chance, 0.05, "--enable-expert-parallel"),
            *maybe(chance, 0.05, "--pipeline-parallel-size", chance.choice([2, 4])),
            *maybe(chance, 0.2, "--kv-cache-dtype", chance.choice(["fp8", "bfloat16"])),
            *maybe(chance, 0.1, "--mamba-ssm-cache-dtype", chance.choice(["auto", "float32", "bfloat16"])),
            *maybe(chance, 0.3, "--swap-space", chance.choice([0, 1, 40])),
            *maybe(chance, 0.2, "--copy-path", chance.choice(["per-layer", "per-block", "batched"])),
            *maybe(chance, 0.2, "--host-memory", "pageable"),
            *maybe(chance, 0.2, "--host", chance.choice(["unknown", "llmservingsim-rtx-4090", "llmservingsim-rtx-pro-6000"])),
            *maybe(chance, 0.05, "--quantization", chance.choice(["fp8", "fp8_block", "nvfp4"])),
            *maybe(chance, 0.2, "--what-if", chance.choice(["h2d=2x,copy-launch=0", "hbm=1.4x,flops=1.5x", "host=0", "front-end=50x"])),
            *maybe(chance, 0.2, "--max-model-len", chance.choice([200, 2000, 30000]))]


@contextlib.contextmanager
def seeded(seed, again):
    """A failure within says with which seed, and which words of the environment, it comes again."""
    try:
        yield
    except Failure as failure:
        raise Failure("TEST_SEED=%d %s\n%s" % (seed, again, failure)) from None


def random_words(chance, choices):
    scheduler = chance.choice(choices["--scheduler"])
    engine = {"sglang": random_sglang(chance),
              "trtllm": [*maybe(chance, 0.7, "--capacity-policy",
                                chance.choice(["guaranteed-no-evict", "max-utilization", "static-batch"])),
                         *maybe(chance, 0.1, "--trtllm-args", "--max_batch_size 12 --max_num_tokens 900 --log_level info"),
                         *maybe(chance, 0.3, "--no-enable-prefix-caching"),
                         *maybe(chance, 0.2, "--free-gpu-memory-fraction", chance.choice(["0.3", "0.8"])),
                         *maybe(chance, 0.4, "--enable-chunked-prefill", "--context-chunking-policy",
                                chance.choice(["first-come-first-served", "equal-progress"]))]}
    of_engine = engine[scheduler] if scheduler in engine else random_vllm(chance, scheduler)
    return [str(word) for word in [
        "--scheduler", scheduler, *of_engine, *random_machine(chance, scheduler), *random_trace(chance),
        *random_policies(chance, {key: values for key, values in choices.items() if key != "--scheduler"}),
        *maybe(chance, 0.3, "--max-concurrency", chance.choice([1, 3, 30])),
        *maybe(chance, 0.2, "--slo", chance.choice(["ttft:p99<2s,tpot:p99<100ms", "e2e:mean<3s"])),
        *maybe(chance, 0.01 if scheduler == "sglang" else 0.2, "--max-num-seqs", chance.choice([1, 4, 60])),
        *maybe(chance, 0.1 if scheduler.startswith("vllm") else 0, "--vllm-args", chance.choice(["--max-num-seqs 40 --swap-space 2 --disable-log-requests",
                                                          "vllm serve x --block-size 32 --no-enable-prefix-caching"])),
        "--seed", chance.randint(0, 9)]]


def all_choices():
    """What the options with names take, as the program lists it."""
    return {"--scheduler": names("schedulers"), "--overflow": names("overflow"), "--victim": names("victims"),
            "--admission": names("admission")}
