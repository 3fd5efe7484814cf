"""What the CUDA compiler made of the kernels: registers and shared memory, no spills, the instructions meant.

The build keeps what ptxas says of each object beside it (NAME.o.ptxas). Instructions are read by cuobjdump, which is
looked for with nvcc, in PATH and among Python's packages (nvidia-cuda-cuobjdump); without it they are not checked.
"""
import collections
import glob
import os
import re
import shutil
import subprocess
import sys

from spillway_test import Skip, all_tests, check, main

KERNELS = os.path.join(os.environ["SPILLWAY_BUILDDIR"], "kernels")

# (file, kernel): why it may keep registers in memory. Nothing does.
MAY_SPILL = {}

BOTH = ("sm_80", "sm_90a")
VECTOR_LOAD, VECTOR_STORE = r"LDG\.E\S*\.128", r"STG\.E\S*\.128"
VECTOR_COPY, MATRIX_LOAD = r"LDGSTS\.E\S*\.128", r"LDSM\.16\.M(T88|88)\.4"
# What a kernel is slow without: file, kernel, architectures, instructions.
MEANT = [
    ("attention_prefill_sm90", "prefill", ("sm_90a",),
     [r"HGMMA\.64x\d+x16\.F32", r"HGMMA.*tnspB", r"USETMAXREG\.DEALLOC", r"USETMAXREG\.TRY_ALLOC", VECTOR_COPY,
      r"UTMALDG\.4D"]),
    ("attention_prefill", "prefill", BOTH, [r"HMMA\.16816\.F32", MATRIX_LOAD, VECTOR_COPY]),
    ("attention_decode", "decode_pieces", BOTH, [r"HMMA\.16816\.F32", MATRIX_LOAD, VECTOR_COPY]),
    ("attention_merge", "merge_rows", BOTH, [r"LDG\.E\S*\.(64|128)"]),
    ("kv_copy", "copy_blocks", BOTH, [VECTOR_LOAD, VECTOR_STORE]),
    ("paged_kv", "write_tokens", BOTH, [VECTOR_LOAD, VECTOR_STORE]),
    ("norm", "norm_rows", BOTH, [VECTOR_LOAD, VECTOR_STORE]),
    ("transformer", "gate_by_silu", BOTH, [VECTOR_LOAD, VECTOR_STORE]),
    ("transformer", "rotate", BOTH, [VECTOR_LOAD, VECTOR_STORE]),
    ("transformer", "add_bias", BOTH, [VECTOR_LOAD, VECTOR_STORE]),
    ("transformer", "embed", BOTH, [VECTOR_LOAD, VECTOR_STORE]),
    ("stream", "read_all", BOTH, [VECTOR_LOAD]),
    ("stream", "copy_all", BOTH, [VECTOR_LOAD, VECTOR_STORE]),
]

Report = collections.namedtuple("Report", "file kernel arch registers shared_bytes stack_bytes spill_bytes")


def readable(mangled):
    """A kernel's name and, behind it, the numbers of its template, for instance prefill<1,128>."""
    place, name = 3 if mangled.startswith("_ZN") else 2, mangled
    while True:
        length = re.match(r"\d+", mangled[place:])
        if not length:
            break
        place += len(length.group())
        name = mangled[place:place + int(length.group())]
        place += int(length.group())
    numbers = re.findall(r"L(?:[a-z]|\d+[A-Za-z]+|NS_\d+[A-Za-z]+E)(\d+)E", mangled[place:])
    return name + ("<%s>" % ",".join(numbers) if numbers else "")


def ptxas_says():
    """The text about each file that has kernels."""
    found = sorted(glob.glob(os.path.join(KERNELS, "*.ptxas")))
    check(found, "%s has no *.ptxas: its objects are of another build" % KERNELS)
    return {os.path.basename(path).split(".")[0]: open(path).read() for path in found}


def reports():
    for file, text in ptxas_says().items():
        for part in text.split("Compiling entry function ")[1:]:
            mangled, arch = re.match(r"'(\S+)' for '(\S+)'", part).groups()
            stack, stores, loads = map(int, re.search(
                r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", part).groups())
            used = re.search(r"Used (\d+) registers.*", part)
            shared = re.search(r"(\d+) bytes smem", used.group())
            yield Report(file, readable(mangled), arch, int(used.group(1)), int(shared.group(1)) if shared else 0,
                         stack, stores + loads)


def find_cuobjdump():
    places = [os.path.join(os.environ.get("CUDA_DIR", ""), "bin", "cuobjdump"), shutil.which("cuobjdump") or ""]
    for folder in sys.path:
        places += glob.glob(os.path.join(folder, "nvidia", "*", "bin", "cuobjdump"))
    for place in places:
        if os.access(place, os.X_OK):
            return place
    raise Skip("cuobjdump is not installed")


def instructions(file):
    """(kernel, architecture): its instructions, in order."""
    program = find_cuobjdump()
    path = os.pathsep.join([os.environ["PATH"], os.path.dirname(program)])  # it runs nvdisasm, which is beside it
    listing = subprocess.run([program, "-sass", os.path.join(KERNELS, file + ".o")], capture_output=True, text=True,
                             check=True, env=dict(os.environ, PATH=path)).stdout
    found, arch, kernel = {}, None, None
    for line in listing.splitlines():
        if line.startswith("arch = "):
            arch = line.split()[-1]
        elif "Function : " in line:
            kernel = readable(line.split()[-1])
        else:
            instruction = re.match(r"\s*/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;", line)
            if instruction:
                found.setdefault((kernel, arch), []).append(instruction.group(1))
    return found


def places(code, pattern):
    return [place for place, instruction in enumerate(code) if re.search(pattern, instruction)]


def test_spills():
    """no kernel keeps registers in memory; the table of what they take"""
    found = list(reports())
    check({report.arch for report in found} >= set(BOTH), "an architecture is missing")
    for report in found:
        print("# %-24s %-24s %-7s %3d registers %6d bytes of static shared memory" % report[:5])
    wrong = ["%s: %s for %s: %d bytes stack, %d bytes spilled" % (report.file, report.kernel, report.arch,
                                                                  report.stack_bytes, report.spill_bytes)
             for report in found
             if report.stack_bytes + report.spill_bytes > 0
             and (report.file, report.kernel.partition("<")[0]) not in MAY_SPILL]
    check(not wrong, "\n".join(wrong))


def test_complaints():
    """products of warpgroups are not serialized, registers are handed over"""
    for file, text in ptxas_says().items():
        complaints = [line for line in text.splitlines() if re.search(r"\(C75\d\d\)|Potential Performance Loss", line)]
        check(not complaints, "%s\n%s" % (file, "\n".join(complaints)))


def test_instructions():
    """matrix units and whole vectors are used where they are meant"""
    for file, kernel, archs, patterns in MEANT:
        code = instructions(file)
        for arch in archs:
            variants = {name: lines for (name, of), lines in code.items()
                        if of == arch and name.partition("<")[0] == kernel}
            check(variants, "%s has no %s for %s" % (file, kernel, arch))
            for name, lines in variants.items():
                for pattern in patterns:
                    check(places(lines, pattern), "%s: %s for %s without %s" % (file, name, arch, pattern))


def test_launched_ahead():
    """on compute capability 9.0 every kernel waits for the one before it ahead of all memory accesses"""
    memory = r"^(@!?U?P\d+ )?(LDG|LD|LDGSTS|STG|ST|ATOMG?|RED|LDGDEPBAR|UTMALDG|CCTL)\b"
    count = 0
    for file in sorted(ptxas_says()):
        for (kernel, arch), code in instructions(file).items():
            if arch != "sm_90a":
                continue
            waits, accesses = places(code, r"^ACQBULK"), places(code, memory)
            check(waits, "%s: %s does not wait" % (file, kernel))
            check(not accesses or waits[0] < accesses[0],
                  "%s: %s reads or writes memory before it waits" % (file, kernel))
            check(kernel == "spin" or places(code, r"^PREEXIT"), "%s: %s lets nothing go ahead" % (file, kernel))
            count += 1
    check(count > 20, "only %d kernels were found" % count)


def test_registers_handed_over():
    """no warpgroup uses more registers than it has after registers were handed over"""
    count = 0
    for (kernel, arch), code in instructions("attention_prefill_sm90").items():
        if arch != "sm_90a":
            continue
        begins = places(code, r"USETMAXREG")
        check(len(begins) == 2, "%s hands registers over %d times" % (kernel, len(begins)))
        for begin, end in zip(begins, begins[1:] + [len(code)]):
            limit = int(re.search(r"(0x[0-9a-f]+)$", code[begin]).group(1), 16)
            used = [int(number) for line in code[begin:end] for number in re.findall(r"\bR(\d+)\b", line)]
            check(max(used) < limit, "%s: R%d is used where there are %d" % (kernel, max(used), limit))
            count += 1
    check(count == 12, "%d parts of kernels were found" % count)


def test_overlap():
    """on compute capability 9.0 weights are computed while values are multiplied"""
    for (kernel, arch), code in instructions("attention_prefill_sm90").items():
        if arch != "sm_90a":
            continue
        begin = places(code, r"WARPGROUP\.DEPBAR\.LE gsb0, 0x1")
        check(len(begin) == 1, "%s waits for scores alone %d times" % (kernel, len(begin)))
        end = [place for place in places(code, r"WARPGROUP\.DEPBAR\.LE gsb0, 0x0") if place > begin[0]][0]
        between = len(places(code[begin[0]:end], r"MUFU\.EX2"))
        check(between >= 64, "%s: %d of a tile's 64 exponentials lie between the waits" % (kernel, between))


if __name__ == "__main__":
    main(all_tests(globals()))
