/* Stands in until the fits are there. */
#include "profile_check.h"

#include "profile_file.h"

gboolean
profile_check(const Profile *profile G_GNUC_UNUSED, GArray *results G_GNUC_UNUSED,
              GArray *points G_GNUC_UNUSED, GError **error)
{
  g_set_error(error, PROFILE_ERROR, PROFILE_ERROR_INCOMPLETE,
              "this program has no fits yet, so there is nothing to check");
  return FALSE;
}
