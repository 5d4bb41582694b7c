/* What a fuzz target holds to be true, in every build. */
#ifndef TESSERA_TESTS_MUST_H
#define TESSERA_TESTS_MUST_H

#include <stdbool.h>
#include <stdlib.h>

static inline void must(bool holds)
{
    if (!holds)
        abort();
}

#endif
