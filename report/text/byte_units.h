/* The units in which amounts of memory are written. */
#pragma once

/* The bytes of a unit by its name, whatever its case: "MB" → 1e6, "MiB" → 1048576. 0: it is none.
 */
double byte_unit(const char *name);
