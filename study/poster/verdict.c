#include "judge.h"

const char *
poster_verdict_name(PosterVerdict verdict)
{
  static const char *const names[] = {"holds", "does not hold", "cannot be told"};
  return names[verdict];
}

PosterVerdict
poster_holds_if(gboolean it_does)
{
  return it_does ? POSTER_HOLDS : POSTER_DOES_NOT_HOLD;
}

void
poster_lacks(PosterFinding *finding, const char *what)
{
  finding->verdict = POSTER_CANNOT_BE_TOLD;
  finding->numbers = g_strdup_printf("Not measured: %s.", what);
}
