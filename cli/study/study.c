/* The verb `study`: chooses the sub-verb. */
#include "study.h"

#include "cli/sub_verb.h"

static const Command kinds[] = {
    {"poster", "repeat a study of recompute and swap when the KV cache overflows (SC 2024)",
     command_study_poster},
    {"policies", "map which policy is best where, and by how much", command_study_policies},
    {NULL, NULL, NULL},
};

int
command_study(int argc, char **argv)
{
  static const VerbFamily family = {
      .verb = "study",
      .kinds = kinds,
      .expected = "poster or policies ('spillway sweep' runs a study file)",
      .summary = "Repeats and judges a published study, or maps which policy is best where.",
      .examples = "  spillway study poster -o poster\n"
                  "  spillway study poster --live --device h100-sxm -o poster-live\n"
                  "  spillway study policies -o policies.db --page policies.html\n",
  };

  return verb_family_run(&family, argc, argv);
}
