/* Streams that are really asynchronous: what is enqueued waits, and is executed at a random moment
 * that CUDA allows, so that an order that nothing enforces is not kept.
 *
 * A stream's operations are done in turn; those of different streams in any order but for events.
 * Until somebody waits for a stream, its operations may be done at once, late, or between those of
 * others: which, is drawn anew after each wait, and so is the stream that is ahead of the others, and
 * whether a stream that is waited for is.
 * The default stream is the exception: what is enqueued there is done at once, but for
 * cudaMemset(), which waits for nothing, and nothing but that stream's calls for it.
 *
 * Captured operations go into a graph, which does them in turn when it is launched. Times are those
 * of a clock that goes on by a microsecond an operation.
 */
#pragma once

#include "cuda_runtime_api.h"

#include <functional>

namespace emulator
{

/* Executed later, or captured. Fails once the device is lost. */
cudaError_t enqueue(cudaStream_t stream, const std::function<void()> &work);
/* Later, in the default stream. */
cudaError_t enqueue_default(const std::function<void()> &work);
/* Until the stream has nothing left, or none has. */
cudaError_t wait_for_stream(cudaStream_t stream);
cudaError_t wait_for_all(void);

/* What calls begin with that a capture must not see: the error that they return, or success. Such a
 * call spoils the capture. */
cudaError_t check_not_capturing(void);
bool is_capturing(cudaStream_t stream);
/* 0, or what was set by emulator_lose_device(). */
cudaError_t device_status(void);
uint64_t draw_of_streams(void);

} // namespace emulator
