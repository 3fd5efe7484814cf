/* A run that is driven by hand into what reports write. */
#pragma once

#include "config.h"

#include "report/results/results.h"

typedef struct {
  char *folder;
  Workload *workload;
  json_t *config;
} Fixture;

char *in_folder(Fixture *f, const char *name);

void setup(Fixture *f, gconstpointer data);

void teardown(Fixture *f, gconstpointer data);

/* A run in small: a step with events, a stride of three, an abort; and what became of requests. */
void drive(Observer *observer, RunEnd end);

RunRecord make_record(Fixture *f, const char *name, double scale);

#define ADD(path, data, function) g_test_add(path, Fixture, data, setup, function, teardown)
