/* The command table. A verb is one file; this is the one place that lists it. */
#include "cli.h"

const Command commands[] = {
    {"run", "replay a trace and say what it took", command_run},
    {"compare", "the same under several overflow policies, side by side", command_compare},
    {"regret", "policies against the best schedule that can be found, and against bounds",
     command_regret},
    {"live", "the same as run, computed: on the GPU, or a small model on the CPU", command_live},
    {"validate", "what a simulation says, held against the same scenario computed",
     command_validate},
    {"selfcheck", "every kernel against its reference, and its speed beside the card's",
     command_selfcheck},
    {"crossover", "recomputing against swapping n tokens, and the n where they cross",
     command_crossover},
    {"report", "results as one HTML page with charts, or as pictures for papers", command_report},
    {"plot", "a chart of results in the terminal, or as a picture", command_plot},
    {"sweep", "a grid of runs, in parallel, into one database; resumable", command_sweep},
    {"merge", "join results databases, such as those of a sweep's shards", command_merge},
    {"study", "repeat a published study: its figures, its findings judged", command_study},
    {"explain", "say in words what a run did, and why a request was slow", command_explain},
    {"trace", "generate, convert and show traces", command_trace},
    {"profile", "list, show, import, export, check and plot measured costs", command_profile},
    {"calibrate", "measure this machine's GPU into a profile; resumable", command_calibrate},
    {"model", "list models, show a model's sizes", command_model},
    {"list", "schedulers, policies, executors, devices, profiles, models, trace formats",
     command_list},
    {NULL, NULL, NULL},
};
