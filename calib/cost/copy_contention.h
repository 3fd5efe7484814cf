/* What copies and kernels that run at once do to each other, by a profile's table `beside`. */
#pragma once

#include "calib/profile.h"
#include "sim/cost.h"

/* Of copies of that variant (copy_variant()) beside a product (prefills) or a decode, at the
 * measured size of a piece that is nearest to piece_bytes. Not measured, and 0, where the table
 * lacks it. */
CopyContention copy_contention_find(const Profile *profile, const char *variant, gboolean prefills,
                                    guint64 piece_bytes);
