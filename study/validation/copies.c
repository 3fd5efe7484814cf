/* Copies beside the steps: what they took, and what the costs say of each alone. */
#include "validation.h"

const char *
validation_copies_name(CopyDirection direction)
{
  static const char *const names[] = {
      [COPY_OUT] = "out",
      [COPY_IN] = "in",
      [COPY_TO_DISK] = "to_disk",
      [COPY_FROM_DISK] = "from_disk",
  };

  return names[direction];
}

static gint64
predicted_ps(const Validation *v, CopyDirection direction, guint32 blocks)
{
  return direction < COPY_TO_DISK ? cost_model_copy_ps(v->copy_cost, direction, blocks)
                                  : disk_copy_ps(v->disk, direction, blocks);
}

/* Jobs that ended together count as of equal size: the record has only their sum. */
CopyError
validation_copies(const Validation *v, CopyDirection direction)
{
  CopyError sum = {.jobs = 0};

  for (guint i = 0; v->copies != NULL && i < v->copies->len; i++) {
    const CopiesEnded *ended = &g_array_index(v->copies, RecordedCopies, i).ended;
    guint64 blocks = ended->blocks[direction];
    guint32 jobs = ended->ended[direction];
    sum.jobs += jobs;
    sum.blocks += blocks;
    sum.computed_ps += ended->took_ps[direction];
    for (; jobs > 0; jobs--) {
      sum.predicted_ps += predicted_ps(v, direction, (guint32)(blocks / jobs));
      blocks -= blocks / jobs;
    }
  }
  return sum;
}
