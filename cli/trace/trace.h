/* What the sub-verbs of `spillway trace` share. */
#pragma once

#include <glib.h>

int command_trace_gen(int argc, char **argv);
int command_trace_show(int argc, char **argv);
