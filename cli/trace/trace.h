/* What the sub-verbs of `spillway trace` share. */
#pragma once

#include <glib.h>

int command_trace_gen(int argc, char **argv);
int command_trace_show(int argc, char **argv);

/* The exit status where a trace was not written: 2 if its form cannot hold it, or else 1. */
int trace_write_status(const GError *error);
