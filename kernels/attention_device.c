#include "kernels/attention.h"
#include "kernels/without.h"

#include <stdio.h>
#include <string.h>

static void
leave_out(char *name, size_t num_bytes, bool is_left_out, const char *way)
{
  const size_t length = strlen(name);

  if (is_left_out)
    snprintf(name + length, num_bytes - length, "%s%s",
             strchr(name, ' ') == NULL ? " without " : ",", way);
}

void
attention_device_name(const AttentionDevice *device, char *name, size_t num_bytes)
{
  snprintf(name, num_bytes, "%s", device->has_wgmma ? "sm_90a" : "sm_80");
  leave_out(name, num_bytes, !device->cuts_prefills, WITHOUT_PREFILL_CUTS);
  leave_out(name, num_bytes, !device->levels_decodes, WITHOUT_DECODE_LISTS);
  leave_out(name, num_bytes, device->has_wgmma && !device->widens_tiles, WITHOUT_WIDE_TILES);
  leave_out(name, num_bytes, device->has_wgmma && !device->maps_blocks, WITHOUT_TENSOR_MAPS);
  leave_out(name, num_bytes, kernels_without(WITHOUT_LAUNCH_AHEAD), WITHOUT_LAUNCH_AHEAD);
}
