#include "overflow.h"

const OverflowPolicy *const overflow_policies[] = {
    &overflow_recompute,
    &overflow_swap,
    NULL,
};
