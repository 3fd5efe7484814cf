/* Vectors of sixteen bytes, which kernels load and store: eight 16-bit elements, computed as
 * floats.
 */
#pragma once

#include "kernels/device.h"

constexpr unsigned VECTOR_ELEMENTS = 8;
constexpr unsigned VECTOR_BYTES = 16;

template <Dtype dtype>
__device__ __forceinline__ void
vector_unpack(const uint4 &vector, float (&values)[VECTOR_ELEMENTS])
{
  const uint32_t parts[4] = {vector.x, vector.y, vector.z, vector.w};

#pragma unroll
  for (unsigned i = 0; i < 4; i++) {
    const float2 pair = device_unpack<dtype>(parts[i]);
    values[2 * i] = pair.x;
    values[2 * i + 1] = pair.y;
  }
}

template <Dtype dtype>
__device__ __forceinline__ uint4
vector_pack(const float (&values)[VECTOR_ELEMENTS])
{
  return make_uint4(
      device_pack<dtype>(values[0], values[1]), device_pack<dtype>(values[2], values[3]),
      device_pack<dtype>(values[4], values[5]), device_pack<dtype>(values[6], values[7]));
}

/* Eight floats in two loads. */
__device__ __forceinline__ void
vector_load_floats(const float *from, float (&values)[VECTOR_ELEMENTS])
{
  const float4 low = __ldg((const float4 *)from), high = __ldg((const float4 *)from + 1);

  values[0] = low.x, values[1] = low.y, values[2] = low.z, values[3] = low.w;
  values[4] = high.x, values[5] = high.y, values[6] = high.z, values[7] = high.w;
}

/* What launchers require of widths and strides. */
inline bool
vector_is_whole(size_t num_elements)
{
  return num_elements % VECTOR_ELEMENTS == 0;
}

inline bool
vector_is_aligned(const void *place)
{
  return (uintptr_t)place % VECTOR_BYTES == 0;
}

inline bool
dtype_is_half(Dtype dtype)
{
  return dtype == DTYPE_BF16 || dtype == DTYPE_FP16;
}
