#include "kernels/attention.cu"
