#include "config.h"

#include "unlimited_table.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "scenario/scenario.h"

enum { DIGEST_BYTES = 32 };

typedef enum { SLOT_FREE, SLOT_TAKEN, SLOT_FILLED } SlotState;

typedef struct {
  atomic_int state;
  guint8 digest[DIGEST_BYTES]; /* of the key */
  Unlimited unlimited;
} Slot;

struct UnlimitedTable {
  guint room;
  Slot *slots; /* shared with the workers; searched in order, once for each run */
};

UnlimitedTable *
unlimited_table_new(guint room)
{
  UnlimitedTable *table = g_new0(UnlimitedTable, 1);
  gsize bytes = MAX(room, 1) * sizeof(Slot);

  table->room = MAX(room, 1);
  table->slots = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (table->slots == MAP_FAILED)
    g_error("no memory for %" G_GSIZE_FORMAT " bytes", bytes);
  return table;
}

void
unlimited_table_free(UnlimitedTable *table)
{
  if (table == NULL)
    return;
  munmap(table->slots, table->room * sizeof(Slot));
  g_free(table);
}

/* In a pool that is never full neither the sizes of pools nor the policies make a difference. */
char *
unlimited_key(const Scenario *scenario, const Settings *settings)
{
  static const char *const no_matter[] = {
      "overflow",  "victim",          "num_gpu_blocks",         "num_cpu_blocks",
      "kv_memory", "swap_space",      "gpu_memory_utilization", "free_gpu_memory_fraction",
      "defaults",  "num_disk_blocks", "kv_offloading_disk",     NULL};
  json_auto_t *config = json_deep_copy(scenario->settings);
  g_autofree char *text = NULL;
  PolicyOptionPlace place;

  for (guint i = 0; no_matter[i] != NULL; i++)
    json_object_del(config, no_matter[i]);
  for (guint n = 0; policy_option_at(n, &place); n++) {
    g_autofree char *key = g_strdelimit(g_strdup(place.option->name), "-", '_');
    json_object_del(config, key);
  }
  text = json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
  return g_strdup_printf("%s\n%s\n%s", text, settings->model != NULL ? settings->model : "",
                         settings->device != NULL ? settings->device : "");
}

static void
digest_of(const char *key, guint8 digest[DIGEST_BYTES])
{
  g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
  gsize bytes = DIGEST_BYTES;

  g_checksum_update(sum, (const guchar *)key, -1);
  g_checksum_get_digest(sum, digest, &bytes);
}

Unlimited
unlimited_table_look(const UnlimitedTable *table, const char *key)
{
  guint8 digest[DIGEST_BYTES];

  digest_of(key, digest);
  for (guint i = 0; i < table->room; i++) {
    const Slot *slot = &table->slots[i];
    SlotState state = (SlotState)atomic_load(&slot->state);
    if (state == SLOT_FREE)
      break;
    if (state == SLOT_FILLED && memcmp(slot->digest, digest, DIGEST_BYTES) == 0)
      return slot->unlimited;
  }
  return (Unlimited){0};
}

void
unlimited_table_put(UnlimitedTable *table, const char *key, const Unlimited *unlimited)
{
  if (unlimited_table_look(table, key).known)
    return;
  for (guint i = 0; i < table->room; i++) {
    Slot *slot = &table->slots[i];
    int free_state = SLOT_FREE;
    if (!atomic_compare_exchange_strong(&slot->state, &free_state, SLOT_TAKEN))
      continue;
    digest_of(key, slot->digest);
    slot->unlimited = *unlimited;
    atomic_store(&slot->state, SLOT_FILLED);
    return;
  }
}
