#!/usr/bin/env bash
# Stands in for the tests of GPU kernels in the emulator where no compiler makes C++20.
echo "1..0 # SKIP the GPU kernels in the emulator: no C++20 compiler (Debian: g++)"
