#include "kernels/paged_kv.cu"
