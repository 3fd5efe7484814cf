#include "kernels/stream.cu"
