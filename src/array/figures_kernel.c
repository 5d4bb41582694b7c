#include "array/figures_kernel.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

enum { LANES = 8 };

typedef double four __attribute__((vector_size(32)));
typedef int64_t four_bits __attribute__((vector_size(32)));

#define CHOOSE(condition, a, b) \
    ((four)(((condition) & (four_bits)(a)) | (~(condition) & (four_bits)(b))))

#define LANES_NAME(name) name##_plain
#define LANES_TARGET
#define LANES_LEAST(a, b) CHOOSE((a) < (b), a, b)
#define LANES_GREATEST(a, b) CHOOSE((a) < (b), b, a)
#include "array/figures_lanes.h"
#undef LANES_NAME
#undef LANES_TARGET
#undef LANES_LEAST
#undef LANES_GREATEST

static bool always(void)
{
    return true;
}

#ifdef __x86_64__
#define LANES_NAME(name) name##_avx2
#define LANES_TARGET __attribute__((target("avx2")))
/* Each gives its second operand where both are equal. */
#define LANES_LEAST(a, b) ((four)_mm256_min_pd((__m256d)(a), (__m256d)(b)))
#define LANES_GREATEST(a, b) ((four)_mm256_max_pd((__m256d)(b), (__m256d)(a)))
#include "array/figures_lanes.h"

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}
#endif

static const tsri_figures_kernel kernels[] = {
#ifdef __x86_64__
    {"avx2", has_avx2, to_doubles_avx2, is_plain_avx2, sum_avx2, squares_avx2},
#endif
    {"plain", always, to_doubles_plain, is_plain_plain, sum_plain, squares_plain},
};

const tsri_figures_kernel *tsri_figures_kernel_at(size_t n)
{
    for (size_t i = 0; i < TSRI_COUNT(kernels); i++)
        if (kernels[i].is_supported() && n-- == 0)
            return &kernels[i];
    return NULL;
}
