#include "victim.h"

const VictimPolicy *const victim_policies[] = {
    VICTIM_POLICIES(POLICY_ENTRY) NULL,
};

const VictimPolicy victim_engine = {
    .base = {.name = "engine", .help = "the engine's own order"},
    .of_engine = TRUE,
};
