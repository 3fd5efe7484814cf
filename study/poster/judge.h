/* The judges of the poster's findings, each with the rule that it states.
 *
 * The poster's figures are not in its text, so a finding is judged by its shape: what falls, what
 * rises, what crosses. Where its words leave two readings, both are told and the verdict is of the
 * first. A judge sets the verdict and the numbers.
 */
#pragma once

#include "poster.h"

#define POSTER_SMALL_EFFECT 0.1 /* a tenth: less is called none */

void poster_judge_f1(const PosterData *data, PosterFinding *finding);
void poster_judge_f2(const PosterData *data, PosterFinding *finding);
void poster_judge_f3(const PosterData *data, PosterFinding *finding);
void poster_judge_f4(const PosterData *data, PosterFinding *finding);
void poster_judge_f5(const PosterData *data, PosterFinding *finding);
void poster_judge_f6(const PosterData *data, PosterFinding *finding);
void poster_judge_f7(const PosterData *data, PosterFinding *finding);
void poster_judge_f8(const PosterData *data, PosterFinding *finding);
void poster_judge_f9(const PosterData *data, PosterFinding *finding);

PosterVerdict poster_holds_if(gboolean it_does);
/* Cannot be told, since this was not measured. */
void poster_lacks(PosterFinding *finding, const char *what);
