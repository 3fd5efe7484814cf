#include "kernels/sampling.cu"
