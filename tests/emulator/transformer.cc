#include "kernels/transformer.cu"
