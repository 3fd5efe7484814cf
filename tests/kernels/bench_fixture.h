/* An emulated card for the tests of what measures a GPU: opened, with tiny models to run on it. */
#pragma once

#include "calib/measure/bench.h"
#include "models/model_config.h"

#define MIB ((size_t)1 << 20)

/* The card and its memory as they are meant to be; a test changes `emulated_card` after it. */
void bench_fixture_use_whole_card(void);

/* The caller frees both. */
BenchDevice *bench_fixture_open(BenchIdentity *identity);
Model *bench_fixture_model(const char *name);
