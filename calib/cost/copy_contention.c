#include "copy_contention.h"

#include <math.h>

/* The median of one part of the table: that of the piece nearest to piece_bytes, by their ratio; 0:
 * there is none. */
static double
part_ns(const Profile *profile, const char *kernel, const char *variant, const char *part,
        guint64 piece_bytes)
{
  g_autofree char *name = g_strjoin("/", kernel, variant, part, NULL);
  double nearest = INFINITY, found_ns = 0;
  guint n;
  const ProfileSample *samples = profile_samples(profile, OP_BESIDE, &n);

  for (guint i = 0; i < n; i++) {
    double away = fabs(log((double)samples[i].shape[0] / (double)MAX(piece_bytes, 1)));
    if (g_str_equal(samples[i].variant, name) && away < nearest) {
      nearest = away;
      found_ns = samples[i].median_ns;
    }
  }
  return found_ns;
}

CopyContention
copy_contention_find(const Profile *profile, const char *variant, gboolean prefills,
                     guint64 piece_bytes)
{
  const char *kernel = prefills ? "gemm" : "decode";
  double alone = part_ns(profile, kernel, variant, "alone", piece_bytes);
  double beside = part_ns(profile, kernel, variant, "beside", piece_bytes);
  double copy_alone = part_ns(profile, kernel, variant, "copy-alone", piece_bytes);
  double copy_beside = part_ns(profile, kernel, variant, "copy-beside", piece_bytes);

  if (alone <= 0 || beside <= 0 || copy_alone <= 0 || copy_beside <= 0)
    return (CopyContention){0};
  return (CopyContention){
      .step = MAX(0, beside / alone - 1),
      .copy = MAX(0, copy_beside / copy_alone - 1),
      .measured = TRUE,
  };
}
