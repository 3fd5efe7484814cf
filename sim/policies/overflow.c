#include "overflow.h"

const OverflowPolicy *const overflow_policies[] = {
    OVERFLOW_POLICIES(POLICY_ENTRY) NULL,
};
