/* Conditions on the value of an element: 'x > 3', '-1 <= x < 5 or x == 99', 'not (x < 0)'.
 *
 * x is the element. Numbers are compared exactly with integers of any width, and are rounded to the
 * type of floating-point elements, as NumPy does: 0.1 equals a float32 that was made of 0.1. NaN is
 * unlike everything, itself included, so that 'x != x' finds it. */
#ifndef TESSERA_CLI_WHERE_H
#define TESSERA_CLI_WHERE_H

#include "invocation.h"

enum { WHERE_TERMS_MAX = 64, WHERE_PIECE = 4096 };

typedef enum cli_where_kind { WHERE_COMPARE, WHERE_AND, WHERE_OR, WHERE_NOT } cli_where_kind;

typedef enum cli_where_order {
    WHERE_LESS = 1,
    WHERE_EQUAL = 2,
    WHERE_GREATER = 4,
    WHERE_UNORDERED = 8 /* one of them is NaN */
} cli_where_order;

typedef struct cli_where_term {
    cli_where_kind kind;
    int left, right;   /* terms that are joined; `left` alone is negated */
    int orders;        /* of a comparison: those that hold, as a set of bits */
    bool with_itself;  /* x is compared with x */
    double number;     /* what x is compared with */
    long double exact; /* the same for 64-bit integers */
} cli_where_term;

typedef struct cli_where {
    const tsr_dtype *dtype;
    int count, root;
    cli_where_term terms[WHERE_TERMS_MAX];
} cli_where;

/* Reads a condition for elements of a type. Errors: INVALID_ARGUMENT (says where in the text),
 * UNSUPPORTED (elements that are no real numbers), NO_MEMORY. */
int where_parse(cli_where *where, const tsr_dtype *dtype, const char *text, tsr_error *err);

/* Sets ret_hits[i] for each of n dense elements, n at most WHERE_PIECE. */
void where_test(const cli_where *where, const void *elements, int64_t n, bool *ret_hits);

/* Whether the condition may hold for some of the elements that `statistics` are of; `fill_value` is
 * that of their array. Never false where it does for one. */
bool where_may_hit(const cli_where *where, const tsr_statistics *statistics,
                   const void *fill_value);

#endif
