"""doc/dependencies.md lists what configure.ac, bootstrap and debian/control name: every package, its least version, a licence."""
import os
import re
import sys

from spillway_test import SRCDIR, all_tests, check, check_equal, main


def text_of(*path):
    with open(os.path.join(SRCDIR, *path), encoding="utf-8") as file:
        return file.read()


def tables():
    """{heading: {package: {column: value}}} of the page."""
    found, heading, columns = {}, None, None
    for line in text_of("doc", "dependencies.md").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("## "):
            heading, columns = line[3:], None
        elif not line.startswith("|") or set(line) <= set("|- "):
            continue
        elif columns is None:
            columns = cells
        else:
            check_equal(len(cells), len(columns), line)
            found.setdefault(heading, {})[cells[0]] = dict(zip(columns, cells))
    return found


def modules():
    """{package: least version or "any"} of what configure.ac links."""
    found = {}
    listed = re.search(r"SPILLWAY_MODULES\(\[DEPS\],(.*?)\]\)\n", text_of("configure.ac"), re.S).group(1)
    for module, package in re.findall(r"\[\[([^]]*)\], \[([^]]*)\]", listed + "]"):
        found[package] = module.partition(" >= ")[2] or "any"
    return found


def needs():
    """{variable: packages} of bootstrap."""
    text = text_of("bootstrap")
    found = {name: words.split() for name, words in re.findall(r'^([A-Z]+)="([^"]*)"', text, re.M)}
    del found["OPTIONAL"]
    return {name: [word for word in words if not word.startswith("$")] for name, words in found.items()}


def test_linked():
    """What is linked is what configure.ac asks for, from the same version on"""
    linked = tables()["Linked"]
    check(len(modules()) == 4, str(modules()))
    check_equal({package: row["from version"] for package, row in linked.items()}, modules())


def test_installed():
    """Every package that bootstrap installs is listed, under what it is needed for"""
    places = {"PREPARE": {"Build"}, "BUILD": {"Build", "Linked"}, "CHECK": {"Tests"}, "CACHE": {"Tests"}, "CHARTS": {"Run, not linked"},
              "TRIALS": {"Tests", "Run, not linked", "Linked where configure is told, or finds them"},
              "DRAW": {"Tests", "Run, not linked"}}
    check_equal(set(needs()), set(places))
    for variable, packages in needs().items():
        check(packages, variable)
        for package in packages:
            listed = {heading for heading, rows in tables().items() if package in rows}
            check(listed & places[variable], "%s of bootstrap's %s is listed under %s" % (package, variable, listed))


def test_nothing_more():
    """Nothing is listed that neither bootstrap nor the packages need"""
    known = {package for packages in needs().values() for package in packages} | set(build_depends())
    for heading, rows in tables().items():
        for package in rows:
            check(package in known or "NVIDIA" in package or "PyPI" in package, "%s, under %s, is needed by nothing" % (package, heading))


def build_depends():
    """{package: least version or None} of debian/control."""
    field = re.search(r"^Build-Depends:\n((?: .*\n)+)", text_of("debian", "control"), re.M).group(1)
    found = {}
    for item in re.findall(r" ([^,\n]+),?\n", field):
        package, version = re.match(r"(\S+)(?: \(>?= ([^)]*)\))?", item).groups()
        found["debhelper" if package == "debhelper-compat" else package] = version
    return found


def test_packages():
    """The packages are built with the same libraries, from the same versions on"""
    asked = build_depends()
    for package, version in modules().items():
        check(package in asked, package + " is not in Build-Depends")
        check_equal(asked[package] or "any", version, package)
    for package in asked:
        check(any(package in rows for rows in tables().values()), package + " is not listed")


def test_licences():
    """Each has a licence"""
    for heading, rows in tables().items():
        for package, row in rows.items():
            check(len(row["licence"]) > 2, "%s, under %s" % (package, heading))


def test_python():
    """Scripts import Python's standard library, and what is listed as from PyPI"""
    folders = [os.path.join(SRCDIR, name) for name in ("tests", "bench", "doc", "calib")]
    own, imported = set(), {}
    for folder in folders:
        for base, _, files in os.walk(folder):
            for name in files:
                if name.endswith(".py"):
                    own.add(name[:-3])
                    for module in re.findall(r"^ *(?:import|from) +(\w+)", text_of(os.path.join(base, name)), re.M):
                        imported[module] = name
    foreign = {module: name for module, name in imported.items() if module not in sys.stdlib_module_names | own}
    listed = {package.split()[0] for rows in tables().values() for package in rows if "PyPI" in package}
    check(set(foreign) <= listed, "%s, listed: %s" % (foreign, listed))
    check("json" in imported, str(imported))


main(all_tests(globals()))
