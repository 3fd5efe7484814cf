/* CUDA C++ for the emulator: types, the names of a thread's place, and the intrinsics in use. */
#pragma once

#include "emulator.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) alignas(bytes)

namespace emulator
{

struct Shuffle {
  unsigned lane;
  void *value; /* in: mine; out: that of the lane asked for */
  unsigned from;
  size_t num_bytes;
};
Perform perform_shuffle, perform_ballot, perform_nothing;

template <typename T>
T
shuffle(unsigned mask, T value, unsigned from)
{
  Shuffle mine = {place().thread.x % WARP_LANES, &value, from, sizeof value};

  static_assert(sizeof value <= 16, "no wider shuffle");
  meet_warp(mask, &mine, perform_shuffle);
  return value;
}

struct Ballot {
  unsigned lane, votes;
};

inline unsigned
ballot(unsigned mask, bool vote)
{
  Ballot mine = {place().thread.x % WARP_LANES, vote};

  meet_warp(mask, &mine, perform_ballot);
  return mine.votes;
}

template <typename T>
T
load_vector(const T *from)
{
  check_vector(from, sizeof(T), "load");
  return *from;
}

template <typename T>
void
store_vector(T *to, T value)
{
  check_vector(to, sizeof(T), "store");
  *to = value;
}

template <typename To, typename From>
To
bits(From value)
{
  To same;

  static_assert(sizeof(To) == sizeof(From), "the same bits");
  memcpy(&same, &value, sizeof same);
  return same;
}

} // namespace emulator

#define threadIdx (emulator::place().thread)
#define blockIdx (emulator::place().block)
#define blockDim (emulator::place().block_dim)
#define gridDim (emulator::place().grid_dim)

using std::max;
using std::min;

inline void
__syncthreads()
{
  emulator::barrier_sync(0, 0);
}
inline void
__syncwarp(unsigned mask = 0xffffffff)
{
  emulator::tell_others();
  emulator::meet_warp(mask, nullptr, emulator::perform_nothing);
}
inline void
__threadfence()
{
}
[[noreturn]] inline void
__trap()
{
  emulator::fail("a trap");
}

/* Shuffles of whole warps (width 32). */
template <typename T>
T
__shfl_sync(unsigned mask, T value, int lane)
{
  return emulator::shuffle(mask, value, (unsigned)lane % 32);
}
template <typename T>
T
__shfl_xor_sync(unsigned mask, T value, int bits)
{
  return emulator::shuffle(mask, value, threadIdx.x % 32 ^ (unsigned)bits);
}
template <typename T>
T
__shfl_up_sync(unsigned mask, T value, unsigned by)
{
  unsigned lane = threadIdx.x % 32;
  return emulator::shuffle(mask, value, lane < by ? lane : lane - by);
}
template <typename T>
T
__shfl_down_sync(unsigned mask, T value, unsigned by)
{
  unsigned lane = threadIdx.x % 32;
  return emulator::shuffle(mask, value, lane + by > 31 ? lane : lane + by);
}
inline unsigned
__ballot_sync(unsigned mask, bool vote)
{
  return emulator::ballot(mask, vote);
}
inline bool
__any_sync(unsigned mask, bool vote)
{
  return emulator::ballot(mask, vote) != 0;
}
inline bool
__all_sync(unsigned mask, bool vote)
{
  return emulator::ballot(mask, vote) == mask;
}

template <typename T>
T
__ldg(const T *from)
{
  return emulator::load_vector(from);
}
template <typename T>
T
__ldcs(const T *from)
{
  return emulator::load_vector(from);
}
template <typename T>
T
__ldcg(const T *from)
{
  return emulator::load_vector(from);
}
template <typename T>
void
__stcs(T *to, T value)
{
  emulator::store_vector(to, value);
}
template <typename T>
void
__stcg(T *to, T value)
{
  emulator::store_vector(to, value);
}
template <typename T>
T
atomicAdd(T *to, T value)
{
  T before = *to;
  *to += value;
  return before;
}
template <typename T>
T
atomicMax(T *to, T value)
{
  T before = *to;
  *to = max(*to, value);
  return before;
}

inline float
__uint_as_float(unsigned value)
{
  return emulator::bits<float>(value);
}
inline uint32_t
__umulhi(uint32_t a, uint32_t b)
{
  return (uint32_t)((uint64_t)a * b >> 32);
}

inline unsigned
__float_as_uint(float value)
{
  return emulator::bits<unsigned>(value);
}
inline float
__int_as_float(int value)
{
  return emulator::bits<float>(value);
}
inline int
__float_as_int(float value)
{
  return emulator::bits<int>(value);
}
inline float
__expf(float x)
{
  return expf(x);
}
inline float
__logf(float x)
{
  return logf(x);
}
inline float
__fdividef(float a, float b)
{
  return a / b;
}
inline float
rsqrtf(float x)
{
  return 1 / sqrtf(x);
}
inline int
__popc(unsigned bits)
{
  return __builtin_popcount(bits);
}
inline int
__ffs(int bits)
{
  return __builtin_ffs(bits);
}
inline int
__clz(int bits)
{
  return bits == 0 ? 32 : __builtin_clz((unsigned)bits);
}

template <typename Kernel>
cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *resident, Kernel, int, size_t)
{
  *resident = 2;
  return cudaSuccess;
}

template <typename Kernel>
cudaError_t
cudaFuncSetAttribute(Kernel, cudaFuncAttribute, int)
{
  return cudaSuccess;
}
