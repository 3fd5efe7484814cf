/* Watermark: a share of the pool stays free for what runs to grow into. */
#include "sim/policies/admission.h"

enum { SHARE };

static gboolean
admits(const AdmissionPolicy *self G_GNUC_UNUSED, const AdmissionQuery *query)
{
  double spared = query->options->of[SHARE] * query->total_blocks;

  return query->now_blocks + spared <= query->free_blocks;
}

const AdmissionPolicy admission_watermark = {
    .base = {.name = "watermark",
             .help = "only if a share of the pool stays free",
             .options = {[SHARE] = {.name = "admission-watermark",
                                    .argument = "X",
                                    .help = "the share that stays free",
                                    .fallback = 0.05,
                                    .max = 1}}},
    .admits = admits,
};
