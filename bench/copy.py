#!/usr/bin/env python3
"""Copies so many bytes into memory that was not used yet, and prints the seconds on the wall and of the processor. A
process of its own: what bench.py itself ever held would count as the memory of all that it starts.
"""
import mmap
import sys
import time


def main(n_bytes, repeats):
    source = bytearray(n_bytes)
    for _ in range(repeats):
        with mmap.mmap(-1, n_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as fresh:
            if hasattr(mmap, "MADV_HUGEPAGE"):
                fresh.madvise(mmap.MADV_HUGEPAGE)
            start, start_cpu = time.perf_counter(), time.process_time()
            fresh[:] = source
            print(time.perf_counter() - start, time.process_time() - start_cpu)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
