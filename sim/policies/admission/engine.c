/* Engine: whatever the engine would admit. */
#include "sim/policies/admission.h"

const AdmissionPolicy admission_engine = {
    .base = {.name = "engine", .help = "whatever the engine would admit"},
};
