/* The kinds of `spillway study`; argv[0] is the kind's name. */
#pragma once

int command_study_poster(int argc, char **argv);
int command_study_policies(int argc, char **argv);
