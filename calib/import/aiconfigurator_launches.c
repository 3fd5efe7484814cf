/* Times that are the host's. A small kernel takes some 5 us on any card. Where every kernel of a
 * kind takes ten times that or more, each was launched and timed by itself: vLLM 0.24's products of
 * fp8_block, whose collector captures no graph (on a B200 149 us, and 12 in a graph:
 * ai-dynamo/aisimulate, pull request 219), and prompts' convolutions before layers with a state.
 * They are left out, and the note says so. */
#include "aiconfigurator.h"

enum { FLOOR_US = 50, SMALL_SAMPLES = 8, SMALL_TOKENS = 64, SMALL_WEIGHTS = 1 << 22 };

/* Samples of one variant and dtype that any card computes in a few microseconds. */
typedef struct {
  guint n;
  double shortest_ns;
} Small;

static gboolean
is_small(const ProfileSample *sample)
{
  if (sample->operation == OP_GEMM)
    return sample->shape[0] <= SMALL_TOKENS && sample->shape[1] * sample->shape[2] <= SMALL_WEIGHTS;
  return sample->shape[0] * sample->shape[1] <= SMALL_TOKENS; /* sequences, tokens of each */
}

/* "fp8_block", or a kernel's variant. Caller frees. */
static char *
kind_of(const ProfileSample *sample)
{
  return g_strdup(*sample->variant != '\0' ? sample->variant : sample->dtype);
}

static GHashTable *
count_small(const GArray *samples, guint first)
{
  GHashTable *kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);

  for (guint i = first; i < samples->len; i++) {
    const ProfileSample *sample = &g_array_index(samples, ProfileSample, i);
    g_autofree char *kind = kind_of(sample);
    Small *small = g_hash_table_lookup(kinds, kind);
    if (small == NULL) {
      small = g_new(Small, 1);
      *small = (Small){.shortest_ns = G_MAXDOUBLE};
      g_hash_table_insert(kinds, g_steal_pointer(&kind), small);
    }
    if (!is_small(sample))
      continue;
    small->n++;
    small->shortest_ns = MIN(small->shortest_ns, sample->median_ns);
  }
  return kinds;
}

void
aiconfigurator_drop_launches(Aiconfigurator *reader)
{
  GArray *samples = reader->profile->samples;
  g_autoptr(GHashTable) kinds = count_small(samples, reader->first);
  guint kept = reader->first;

  for (guint i = reader->first; i < samples->len; i++) {
    ProfileSample sample = g_array_index(samples, ProfileSample, i);
    g_autofree char *kind = kind_of(&sample);
    const Small *small = g_hash_table_lookup(kinds, kind);
    if (small->n < SMALL_SAMPLES || small->shortest_ns <= FLOOR_US * NS_PER_US) {
      g_array_index(samples, ProfileSample, kept++) = sample;
    } else {
      g_autofree char *reason = g_strdup_printf(
          "%s, of which the shortest small one takes %.0f us: timed without a graph, "
          "so the host is in it",
          kind, small->shortest_ns / NS_PER_US);
      aiconfigurator_leave_out(reader, reason);
    }
  }
  g_array_set_size(samples, kept);
}
