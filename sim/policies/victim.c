#include "victim.h"

const VictimPolicy *const victim_policies[] = {
    VICTIM_POLICIES(POLICY_ENTRY) NULL,
};
