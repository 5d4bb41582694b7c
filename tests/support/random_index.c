#include "support/random_index.h"

#include <stdlib.h>

/* A term that takes one axis. */
static tsr_index_term random_term(tests_random *random, int64_t length, int64_t count,
                                  tsr_view *list)
{
    tsr_index_term term = {.kind = TSR_TERM_RANGE, .step = 1, .from_first = true, .to_last = true};

    switch (length > 0 ? tests_random_below(random, 4) : 0) {
    case 1:
        term.kind = TSR_TERM_POSITION;
        term.start = tests_random_below(random, 2 * length) - length;
        break;
    case 2:
    case 3:
        term.kind = TSR_TERM_LIST;
        term.list = list;
        if (tsr_view_new(list, TSR_INT64, 1, &count, NULL) < 0)
            abort();
        for (int64_t i = 0; i < count; i++)
            ((int64_t *)list->data)[i] = tests_random_below(random, 2 * length) - length;
        break;
    default:
        term.from_first = tests_random_below(random, 2);
        term.to_last = tests_random_below(random, 2);
        term.start = tests_random_below(random, 2 * length + 3) - length - 1;
        term.stop = tests_random_below(random, 2 * length + 3) - length - 1;
        term.step = tests_random_below(random, 4) + 1;
        if (tests_random_below(random, 2))
            term.step = -term.step;
    }
    return term;
}

void tests_random_index(tests_random *random, int rank, const int64_t *shape, int rank_max,
                        int64_t count_max, tsr_index *ret_index)
{
    tsr_index_term terms[2 * TSR_RANK_MAX];
    tsr_view lists[2 * TSR_RANK_MAX];
    size_t count = 0;
    int fresh = rank_max - rank - 1; /* new axes that there may be */
    tsr_index_mode mode = (tsr_index_mode)tests_random_below(random, 3);
    int64_t together = tests_random_below(random, count_max + 1);

    for (int axis = 0; axis < rank;) {
        int64_t alone = tests_random_below(random, count_max + 1);
        lists[count].blob = NULL;
        if (fresh > 0 && tests_random_below(random, 5) == 0) {
            terms[count++] = (tsr_index_term){.kind = TSR_TERM_NEW_AXIS};
            fresh--;
            continue;
        }
        terms[count] = random_term(random, shape[axis++],
                                   mode == TSR_INDEX_ORTHOGONAL ? alone : together, &lists[count]);
        count++;
    }
    if (tsr_index_select(ret_index, rank, shape, terms, count, mode, NULL) < 0)
        abort();
    for (size_t i = 0; i < count; i++)
        tsr_view_clear(&lists[i]);
}
