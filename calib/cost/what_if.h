/* What-if scales: `h2d=2x,copy-launch=0` as factors on the times of a modelled cost.
 *
 * Speeds (h2d, d2h, hbm, flops): `Nx` makes it N times faster. Costs (copy-launch, launch, comm,
 * host, front-end): `Nx` makes it N times dearer. `0` switches any of them off. A factor multiplies a time: 1
 * as it is, 0 off.
 */
#pragma once

#include <glib.h>

#define WHAT_IF_ERROR (what_if_error_quark())
GQuark what_if_error_quark(void);
typedef enum { WHAT_IF_ERROR_SYNTAX } WhatIfError;

typedef struct {
  double h2d_time;         /* copies from the host, their bytes */
  double d2h_time;         /* copies to the host, their bytes */
  double hbm_time;         /* every byte of device memory */
  double flops_time;       /* every FLOP */
  double copy_launch_time; /* what a copy or a piece of one costs whatever its size */
  double launch_time;      /* what a kernel costs whatever its size */
  double comm_time;        /* all-reduce */
  double host_time;        /* the host's part of a step */
  double front_end_time;   /* the API front end, before the scheduler knows of a request */
} WhatIf;

#define WHAT_IF_NONE ((WhatIf){1, 1, 1, 1, 1, 1, 1, 1, 1})

gboolean what_if_is_none(const WhatIf *what_if);

/* NULL or "" gives WHAT_IF_NONE. */
gboolean what_if_parse(const char *text, WhatIf *what_if, GError **error);

/* The lines of help: "h2d  copies from the host …", one a scale. */
char *what_if_help(void);
