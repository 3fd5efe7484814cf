#include "kernels/norm.cu"
