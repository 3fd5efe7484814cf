/* Engine: as the engine's own front end deals requests out. */
#include "sim/policies/router.h"

const RouterPolicy router_engine = {
    .base = {.name = "engine",
             .help = "the engine's own: vLLM's least-requests, SGLang's round-robin"},
};
