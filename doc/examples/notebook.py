# %% [markdown]
# Spillway from Python, with nothing to install: the standard library reads what `--format json` prints and what `-o` keeps,
# and a picture is a few lines of SVG. `# %%` begins a cell for editors that know them, and for Jupyter by way of jupytext;
# as a program it is `python3 notebook.py [FOLDER]`, which leaves results.db, ttft.svg and over-time.svg there.
import json
import os
import shutil
import sqlite3
import subprocess
import sys

SPILLWAY = shutil.which(os.environ.get("SPILLWAY", "spillway"))
if SPILLWAY is None:
    sys.exit("spillway was not found: put its folder on the PATH, or name the program by SPILLWAY=…/build/spillway")
FOLDER = sys.argv[1] if len(sys.argv) > 1 else "."
RESULTS = os.path.join(FOLDER, "results.db")
SERVER = ["--model", "llama-2-7b", "--device", "a100-40gb", "--trace", "demo"]
if os.path.exists(RESULTS):
    os.remove(RESULTS)

# %% [markdown]
# One run: a dictionary of figures, named as `spillway list figures` names them; `config` has every setting.


# %%
def run(*options):
    command = [SPILLWAY, "run", *SERVER, *options, "--format", "json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


shares = ["10%", "12%", "15%", "20%", "30%", "40%"]
runs = {policy: [run("--kv-memory", share, "--overflow", policy, "-o", RESULTS) for share in shares]
        for policy in ("recompute", "swap")}

# %% [markdown]
# A table of them.


# %%
def table(headings, rows):
    rows = [[str(cell) for cell in row] for row in [headings, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths)))
    print()


table(["policy", "KV memory", "blocks", "evictions", "TTFT p99 s", "tokens/s"],
      [[policy, share, one["num_gpu_blocks"], one["preemptions"], "%.2f" % one["ttft_s"]["p99"],
        "%.1f" % one["output_tokens_per_s"]]
       for policy, series in runs.items() for share, one in zip(shares, series)])

# %% [markdown]
# A chart: lines of (x, y) by name, as SVG.

# %%
COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]


def nice(largest):
    """About five round steps up to what covers it."""
    power = 10.0 ** (len("%d" % max(1, largest / 5)) - 1)
    while power > largest:
        power /= 10
    step = next(m * power for m in (0.5, 1, 2, 5, 10, 20, 50) if 6 * m * power >= largest)
    count = max(1, int(-(-largest // step)))
    return [step * i for i in range(count + 1)]


def chart(path, lines, x_title, y_title, width=640, height=360):
    left, right, top, bottom = 64, 16, 32, 48
    points = [point for line in lines.values() for point in line]
    x_ticks, y_ticks = nice(max(x for x, _ in points)), nice(max(y for _, y in points))

    def x_of(x):
        return left + (width - left - right) * x / x_ticks[-1]

    def y_of(y):
        return height - bottom - (height - top - bottom) * y / y_ticks[-1]

    svg = ["<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' font-size='12'>"
           "<rect width='100%%' height='100%%' fill='white'/>" % (width, height)]
    text = "<text x='%.1f' y='%.1f' text-anchor='%s'%s>%s</text>"
    for x in x_ticks:
        svg.append(text % (x_of(x), height - bottom + 16, "middle", "", "%g" % x))
    for y in y_ticks:
        svg.append("<path d='M%.1f %.1fH%d' stroke='#ddd'/>" % (left, y_of(y), width - right))
        svg.append(text % (left - 6, y_of(y) + 4, "end", "", "%g" % y))
    for i, (name, line) in enumerate(lines.items()):
        color = COLORS[i % len(COLORS)]
        svg.append("<polyline fill='none' stroke='%s' stroke-width='2' points='%s'/>" % (
            color, " ".join("%.1f,%.1f" % (x_of(x), y_of(y)) for x, y in line)))
        svg.append(text % (left + 8 + 120 * i, 20, "start", " fill='%s'" % color, name))
    svg.append(text % ((left + width - right) / 2, height - 8, "middle", "", x_title))
    svg.append(text % (0, 0, "middle", " transform='translate(14 %d) rotate(-90)'" % ((top + height - bottom) / 2), y_title))
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(svg + ["</svg>\n"]))


chart(os.path.join(FOLDER, "ttft.svg"),
      {policy: [(one["num_gpu_blocks"], one["ttft_s"]["p99"]) for one in series] for policy, series in runs.items()},
      "KV blocks", "TTFT, p99 (s)")

# %% [markdown]
# The database keeps more: every request, every eviction, the run over time (`doc/results.md`). Whose time did evictions take?

# %%
database = sqlite3.connect(RESULTS)
table(["run", "policy", "request", "evictions", "away s"],
      database.execute("""SELECT run_id, overflow, id, victim.preemptions, round(preempted_s, 3)
                          FROM preemption_by_request AS victim JOIN run_summary USING (run_id)
                          ORDER BY preempted_s DESC LIMIT 5""").fetchall())

# %% [markdown]
# And how full was the pool, with the least memory and with the most?


# %%
def blocks_over_time(run_id):
    rows = database.execute("SELECT time_s, gpu_blocks FROM series WHERE run_id = ? AND sampled ORDER BY bucket", [run_id])
    return rows.fetchall()


ids = [run_id for run_id, in database.execute("SELECT run_id FROM run_summary WHERE overflow = 'recompute' ORDER BY run_id")]
chart(os.path.join(FOLDER, "over-time.svg"),
      {shares[0]: blocks_over_time(ids[0]), shares[-1]: blocks_over_time(ids[-1])}, "time (s)", "KV blocks in use")
