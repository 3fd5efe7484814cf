"""What the scripts share that write a page's figures anew, part by part: runs that are kept, tables, and the marks of a page."""
import base64
import json
import os
import re
import subprocess
import sys

SPILLWAY = os.environ.get("SPILLWAY", "spillway")
OUT = os.environ.get("BENCH_OUT", "bench/out")


def path(name):
    return os.path.join(OUT, name)


def spillway(*words):
    done = subprocess.run([SPILLWAY, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit("%s\n%s" % (" ".join(words), done.stderr))
    return done.stdout


def kept(name, make):
    """The JSON of a file in OUT, made where it is missing."""
    if not os.path.exists(path(name)):
        text = make()
        with open(path(name), "w", encoding="utf-8") as file:
            file.write(text)
    with open(path(name), encoding="utf-8") as file:
        return json.load(file)


def screenshot(page_name, box, name):
    """A PNG in OUT of a part of a page there, by a browser that draws it. box: JavaScript whose value is the clip."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests"))
    import browser

    with browser.Page(width=1160) as page:
        page.open(path(page_name))
        data = page.call("Page.captureScreenshot", captureBeyondViewport=True, clip=page.evaluate(box))["data"]
    with open(path(name), "wb") as file:
        file.write(base64.b64decode(data))


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| %s |\n" % " | ".join(map(str, line)) for line in lines)


def put(page, part, text):
    """Between the page's <!-- PART --> and <!-- end of PART -->."""
    with open(page, encoding="utf-8") as file:
        whole = file.read()
    marked = re.compile("(<!-- %s -->\n).*?(<!-- end of %s -->)" % (part, part), re.S)
    if not marked.search(whole):
        raise SystemExit("%s: found no marks, expected <!-- %s --> and <!-- end of %s -->" % (page, part, part))
    with open(page, "w", encoding="utf-8") as file:
        file.write(marked.sub(lambda found: found.group(1) + "\n" + text + "\n" + found.group(2), whole))


def main(parts, usage, words):
    page = words.pop() if words and words[-1].endswith(".md") else None
    if not words or any(word not in parts for word in words):
        raise SystemExit(usage)
    os.makedirs(OUT, exist_ok=True)
    for part in words:
        text = parts[part]()
        if page and text:
            put(page, part, text)
        else:
            print(text, end="")
