/* What copies and kernels that run at once do to each other, by a profile's table `beside`. */
#pragma once

#include "calib/profile.h"
#include "sim/cost.h"

/* How copies of a variant (copy_variant()) and a product (prefills) or a decode slow each other, at
 * the measured piece size nearest to piece_bytes. 0, and not marked as measured, where the table
 * lacks it. */
CopyContention copy_contention_find(const Profile *profile, const char *variant, gboolean prefills,
                                    guint64 piece_bytes);
