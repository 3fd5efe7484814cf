/* The verb crossover's parts: the study that its options describe, and the forms it is printed in.
 */
#pragma once

#include "calib/cost/crossover.h"
#include "calib/profile.h"
#include "calib/cost/roofline.h"
#include "cli/format_option.h"

typedef struct {
  Model *model;
  Device *device;
  Profile *profile;      /* NULL: the device's roofline is the cost */
  RooflineConfig config; /* its block size is one of the list at a time */
  char *what_if;         /* as it was typed, or NULL */
  GArray *tokens;        /* of guint32, ascending */
  GArray *block_sizes;   /* of guint32, in the order given */
  GPtrArray *costs;      /* of CostModel, one a block size */
} CrossoverStudy;

/* The whole output, ending in a line break; the caller's. */
char *crossover_text(const CrossoverStudy *study, OutputFormat format);
