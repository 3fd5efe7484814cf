#include "kernels/kv_copy_methods.cu"
