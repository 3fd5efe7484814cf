#include "kernels/kv_copy.cu"
