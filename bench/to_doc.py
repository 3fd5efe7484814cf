#!/usr/bin/env python3
"""Puts the table of figures into a page, between the lines <!-- figures --> and <!-- end of figures -->."""
import re
import sys


def main(figures, page):
    with open(figures) as file:
        table = file.read()
    with open(page) as file:
        text = file.read()
    marked = re.compile("(<!-- figures -->\n).*?(<!-- end of figures -->)", re.S)
    if not marked.search(text):
        raise SystemExit("%s: found no marks, expected <!-- figures --> and <!-- end of figures -->" % page)
    with open(page, "w") as file:
        file.write(marked.sub(lambda found: found.group(1) + table + found.group(2), text))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit("usage: to_doc.py FIGURES.md PAGE.md")
    main(*sys.argv[1:])
