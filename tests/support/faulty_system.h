/* A table of system calls that counts, fails and shortens calls, for tests.
 *
 *     faulty_system faulty;
 *     faulty_system_init(&faulty, NULL);
 *     options.system = &faulty.system;
 *     faulty_system_fail(&faulty, "pwritev", 3, ENOSPC, false);   the third pwritev from now on,
 * once
 *     ...
 *     assert_true(faulty_system_fired(&faulty));
 *
 * To sweep over everything, fail call 1, 2, 3, ... of any name until a run passes in which nothing
 * fired.
 *
 * A close, closedir or munmap that is told to fail does its work first, as the kernel does, so that
 * a test leaks nothing. The clock and the sleep are counted under their names but never fail and
 * are not among "any".
 *
 * Thread: LOCKED, but set it up while no call is running. */
#ifndef TESTS_SUPPORT_FAULTY_SYSTEM_H
#define TESTS_SUPPORT_FAULTY_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include <tessera/sys/system.h>

#define FAULTY_CALLS_MAX 40

typedef struct faulty_system {
    tsr_system system;       /* first, so that the functions find the rest */
    const tsr_system *below; /* does the real work */
    const char *name;        /* which calls may fail; NULL: any */
    const char *path_part;   /* and only with this in the path; NULL: any */
    int64_t fail_at;         /* counted from 1 among the matching calls; 0: none */
    int error_number;
    bool for_ever;                    /* all calls from fail_at on, not only that one */
    size_t largest;                   /* most bytes that one read or write moves; 0: as asked */
    int64_t clock_ns;                 /* atomic: added to the real monotonic and real-time clock */
    bool sleep_is_free;               /* a sleep moves the clock instead of waiting */
    int64_t matching;                 /* atomic: matching calls since the last faulty_system_fail */
    int64_t fired;                    /* atomic: calls that failed on purpose */
    int64_t counts[FAULTY_CALLS_MAX]; /* atomic: by name, since the start */
} faulty_system;

/* Passes everything on to `below` (NULL: the real system calls). */
void faulty_system_init(faulty_system *faulty, const tsr_system *below);

/* From now on the n-th call named `name` (a field of tsr_system; NULL: any that can fail) fails
 * with `error_number`, once or together with all later ones. 0 fails none but starts counting anew.
 * An unknown name ends the test program. */
void faulty_system_fail(faulty_system *faulty, const char *name, int64_t n, int error_number,
                        bool for_ever);

/* Narrows matching to calls whose path contains `part`; calls without a path do not match then.
 * NULL: no more. */
void faulty_system_only_paths(faulty_system *faulty, const char *part);

/* Reads, writes, copies and random bytes move at most `largest` bytes a call, like a pipe or a full
 * disk does. 0: as asked. */
void faulty_system_shorten(faulty_system *faulty, size_t largest);

/* How many calls of this name were made since the start; NULL: of all that can fail. */
int64_t faulty_system_count(const faulty_system *faulty, const char *name);

/* How many calls matched since the last faulty_system_fail. */
int64_t faulty_system_matching(const faulty_system *faulty);

/* Whether a call was made to fail since the last faulty_system_fail. */
bool faulty_system_fired(const faulty_system *faulty);

/* Moves both clocks forward. */
void faulty_system_advance_ns(faulty_system *faulty, int64_t duration_ns);

#endif
