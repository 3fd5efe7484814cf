#include "kernels/attention_kernels.h"
cudaError_t
attention_prefill_sm90_launch(Dtype dtype, uint32_t head_dim, const AttentionArguments &arguments,
                              const PrefillWork &work, cudaStream_t stream)
{
  return attention_prefill_launch(dtype, head_dim, arguments, work, stream);
}
