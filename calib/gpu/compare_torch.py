#!/usr/bin/env python3
"""Attention's speed beside PyTorch's on the same shapes of the same GPU.

usage: compare_torch.py SELFCHECK.json

Reads what `spillway selfcheck --format json` (or -o FILE) wrote, times scaled_dot_product_attention of PyTorch on the
shapes of its attention rows, each back end by itself, and prints both. Run it right after the self-check, while the
card is as warm. Where there is no PyTorch, or none that sees a GPU, it says so and does nothing.

PyTorch's tensors are dense where ours are paged: what paging costs is in our figures. Ragged batches are left out.
"""
import json
import statistics
import sys

SAMPLES = 30
WARM_UP = 5
FLUSH_BYTES = 512 << 20


def backends():
    from torch.nn.attention import SDPBackend
    names = [("flash", "FLASH_ATTENTION"), ("cuDNN", "CUDNN_ATTENTION"), ("efficient", "EFFICIENT_ATTENTION")]
    return [(name, getattr(SDPBackend, value)) for name, value in names if hasattr(SDPBackend, value)]


def rows_to_compare(document):
    return [row for row in document["speeds"]
            if "attention" in row and "median_ns" in row and not row["attention"]["ragged"]]


def time_ms(torch, call):
    """The median of single calls. Before each a buffer is overwritten: it empties the second-level cache, as ours is
    when pools take turns, and keeps the GPU busy until the call is enqueued."""
    other = torch.empty(FLUSH_BYTES, dtype=torch.int8, device="cuda")
    for _ in range(WARM_UP):
        call()
    torch.cuda.synchronize()
    times = []
    for _ in range(SAMPLES):
        other.zero_()
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times)


def tensors(torch, shape):
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16}[shape["dtype"]]

    def random(heads, tokens):
        return torch.randn(shape["batch"], heads, tokens, shape["head_dim"], dtype=dtype, device="cuda")

    return (random(shape["heads"], shape["new_tokens"]), random(shape["kv_heads"], shape["context_tokens"]),
            random(shape["kv_heads"], shape["context_tokens"]))


def mask_of(torch, shape):
    """What is_causal and attn_mask are to be: PyTorch's causal mask is that of a prefill without a cached prefix."""
    new, context = shape["new_tokens"], shape["context_tokens"]
    if new == 1:
        return {}
    if new == context:
        return {"is_causal": True}
    from torch.nn.attention.bias import causal_lower_right
    return {"attn_mask": causal_lower_right(new, context)}


def time_row(torch, shape, backend):
    """Milliseconds, or None where this back end has nothing for the shape."""
    from torch.nn.attention import sdpa_kernel
    from torch.nn.functional import scaled_dot_product_attention
    q, k, v = tensors(torch, shape)
    options = mask_of(torch, shape)
    if shape["heads"] != shape["kv_heads"]:
        options["enable_gqa"] = True
    try:
        with torch.inference_mode(), sdpa_kernel(backend):
            return time_ms(torch, lambda: scaled_dot_product_attention(q, k, v, **options))
    except (RuntimeError, TypeError, ValueError):
        return None
    finally:
        del q, k, v
        torch.cuda.empty_cache()


def compare(torch, rows):
    """Prints a row as soon as it is there; says how ours fare against the best of theirs."""
    names = [name for name, _ in backends()]
    print("%-62s %10s %s  %s" % ("", "ours", " ".join("%10s" % name for name in names), "theirs / ours"))
    ratios = {}
    timed = {}
    for row in rows:
        shape = row["attention"]
        key = json.dumps(shape, sort_keys=True)
        if key not in timed:
            timed[key] = [time_row(torch, shape, backend) for _, backend in backends()]
        ours = row["median_ns"] / 1e6
        best = min((ms for ms in timed[key] if ms is not None), default=None)
        cells = " ".join("%7.3f ms" % ms if ms is not None else "%10s" % "-" for ms in timed[key])
        print("%-62s %7.3f ms %s  %s" % ("%-14s %s" % (row["kernel"], row["shape"]), ours, cells,
                                         "%.2f" % (best / ours) if best is not None else "-"), flush=True)
        if best is not None:
            ratios.setdefault(row["kernel"], []).append(best / ours)
    return ratios


def main(arguments):
    if len(arguments) != 2 or arguments[1].startswith("-"):
        print(__doc__.strip())
        return 0 if arguments[1:] in (["-h"], ["--help"]) else 2
    try:
        with open(arguments[1], encoding="utf-8") as file:
            document = json.load(file)
        rows = rows_to_compare(document)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print("compare_torch.py: %s: not what selfcheck writes: %s" % (arguments[1], error), file=sys.stderr)
        return 2
    try:
        import torch
    except ImportError as error:
        print("skipped: there is no PyTorch (%s)" % error)
        return 0
    if not torch.cuda.is_available():
        print("skipped: this PyTorch (%s) sees no GPU" % torch.__version__)
        return 0
    if not rows:
        print("skipped: the self-check timed no attention")
        return 0
    print("PyTorch %s on %s, against %s" % (torch.__version__, torch.cuda.get_device_name(), document["gpu"]["name"]))
    ratios = compare(torch, rows)
    print("theirs / ours, of the best back end, median: %s" % ", ".join(
        "%s %.2f" % (kernel, statistics.median(values)) for kernel, values in ratios.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
