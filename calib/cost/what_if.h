/* What-if scales: `h2d=2x,copy-launch=0` as factors on the times of a modelled cost.
 *
 * A speed with `Nx` is N times faster, a cost with `Nx` is N times dearer; `0` switches either off.
 * A factor multiplies a time: 1 as it is, 0 off. A new scale is a line in the table below, and a
 * product with its factor where the cost is made.
 */
#pragma once

#include <glib.h>

#define WHAT_IF_ERROR (what_if_error_quark())
GQuark what_if_error_quark(void);
typedef enum { WHAT_IF_ERROR_SYNTAX } WhatIfError;

/* The table, in the order of the help: factor, key, whether it is a speed, help. */
#define WHAT_IF_SCALES(SCALE)                                                                      \
  SCALE(h2d_time, "h2d", TRUE, "speed of copies from the host")                                    \
  SCALE(d2h_time, "d2h", TRUE, "speed of copies to the host")                                      \
  SCALE(hbm_time, "hbm", TRUE, "speed of device memory")                                           \
  SCALE(flops_time, "flops", TRUE, "speed of arithmetic")                                          \
  SCALE(copy_launch_time, "copy-launch", FALSE, "cost of a copy whatever its size")                \
  SCALE(launch_time, "launch", FALSE, "cost of a kernel whatever its size")                        \
  SCALE(comm_time, "comm", FALSE, "cost of all-reduces")                                           \
  SCALE(host_time, "host", FALSE, "cost of the host's part of a step")                             \
  SCALE(front_end_time, "front-end", FALSE, "cost of the API front end")

#define WHAT_IF_FACTOR(factor, key, is_speed, help) double factor;
typedef struct {
  WHAT_IF_SCALES(WHAT_IF_FACTOR)
} WhatIf;

#define WHAT_IF_AS_IT_IS(factor, key, is_speed, help) .factor = 1,
#define WHAT_IF_NONE ((WhatIf){WHAT_IF_SCALES(WHAT_IF_AS_IT_IS)})

gboolean what_if_is_none(const WhatIf *what_if);

/* NULL or "" gives WHAT_IF_NONE. */
gboolean what_if_parse(const char *text, WhatIf *what_if, GError **error);

/* The lines of help: "h2d  copies from the host …", one a scale. */
char *what_if_help(void);
