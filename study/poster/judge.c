/* Findings F1 to F9 of the poster: what it says, and what the judges say of it. */
#include "judge.h"

PosterFinding *
poster_judge(const PosterData *data)
{
  static const PosterFinding claims[POSTER_FINDINGS] = {
      {.id = "F1",
       .figure = 2,
       .claim = "recompute: block size has minimal effect",
       .depends = "the attention kernel; only a live run can tell"},
      {.id = "F2",
       .figure = 2,
       .claim = "swap: overhead falls as the block grows",
       .depends = "a copy a block, layer and K or V; not where a block's layers lie together or "
                  "copies are submitted as one"},
      {.id = "F3",
       .figure = 2,
       .claim = "swap: large blocks gain most, with pinned memory",
       .depends = "a link that pinned memory fills and pageable memory does not"},
      {.id = "F4",
       .figure = 3,
       .claim = "both overheads grow with the number of tokens, and with sequence length",
       .depends = "nothing that was varied, unless copies are hidden"},
      {.id = "F5",
       .figure = 3,
       .claim = "swap is cheaper for long sequences, and when more tokens are evicted",
       .depends = "KV bytes a token against the link and the FLOPs: block size and copy path"},
      {.id = "F6",
       .figure = 4,
       .claim = "overhead falls as available memory grows, up to 40 %",
       .depends = "what is called overhead"},
      {.id = "F7",
       .figure = 4,
       .claim = "least overhead at 30 % or 50 %",
       .depends = "what is called overhead; how many whole sequences a share holds"},
      {.id = "F8",
       .figure = 5,
       .claim = "recompute at 12 %: throughput rises periodically as waiting and resumed requests "
                "are processed; KV use falls at an eviction, rises at a resume",
       .depends = "nothing that was varied"},
      {.id = "F9",
       .figure = 5,
       .claim =
           "swap at 12 %: sharp periodic rises of throughput are prompts of waiting requests; KV "
           "use as in F8",
       .depends = "nothing that was varied"},
  };
  static void (*const judges[POSTER_FINDINGS])(const PosterData *, PosterFinding *) = {
      poster_judge_f1, poster_judge_f2, poster_judge_f3, poster_judge_f4, poster_judge_f5,
      poster_judge_f6, poster_judge_f7, poster_judge_f8, poster_judge_f9};
  PosterFinding *findings = g_new(PosterFinding, POSTER_FINDINGS);

  for (guint i = 0; i < POSTER_FINDINGS; i++) {
    findings[i] = claims[i];
    judges[i](data, &findings[i]);
  }
  return findings;
}

void
poster_findings_free(PosterFinding *findings)
{
  for (guint i = 0; findings != NULL && i < POSTER_FINDINGS; i++)
    g_free(findings[i].numbers);
  g_free(findings);
}
