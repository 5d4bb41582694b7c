#include "where.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "scalar.h"

_Static_assert(LDBL_MANT_DIG >= 64, "64-bit integers are compared exactly");

enum { DEPTH_MAX = 16, NUMBER_TEXT_MAX = 64 };

/* ---- reading ---- */

typedef struct cli_where_parser {
    cli_where *where;
    const char *text, *at;
    int depth;
    tsr_error *err;
} cli_where_parser;

/* x, or a number. */
typedef struct cli_where_operand {
    bool is_element;
    double number;
    long double exact;
} cli_where_operand;

static int refuse(const cli_where_parser *self, const char *what)
{
    tsr_error_set(self->err, TSR_INVALID_ARGUMENT, "%s at character %d of '%s'", what,
                  (int)(self->at - self->text) + 1, self->text);
    tsr_error_set_next_step(self->err, "comparisons of x with numbers, joined by and, or and not: "
                                       "'-1 <= x < 5 or x == 99'");
    return TSR_INVALID_ARGUMENT;
}

static void skip_blanks(cli_where_parser *self)
{
    self->at += strspn(self->at, " \t\n");
}

static size_t word_length(const char *at)
{
    size_t length = 0;

    while (at[length] && !strchr(" \t\n<>=!()", at[length]))
        length++;
    return length;
}

/* Takes a word if it stands here. */
static bool take_word(cli_where_parser *self, const char *word)
{
    size_t length;

    skip_blanks(self);
    length = word_length(self->at);
    if (length != strlen(word) || strncmp(self->at, word, length) != 0)
        return false;
    self->at += length;
    return true;
}

static bool take_mark(cli_where_parser *self, const char *mark)
{
    skip_blanks(self);
    if (strncmp(self->at, mark, strlen(mark)) != 0)
        return false;
    self->at += strlen(mark);
    return true;
}

/* The orders that an operator stands for; 0 when there is none. */
static int take_operator(cli_where_parser *self)
{
    static const struct {
        const char *mark;
        int orders;
    } operators[] = {{"<=", WHERE_LESS | WHERE_EQUAL},
                     {">=", WHERE_GREATER | WHERE_EQUAL},
                     {"==", WHERE_EQUAL},
                     {"!=", WHERE_LESS | WHERE_GREATER | WHERE_UNORDERED},
                     {"<", WHERE_LESS},
                     {">", WHERE_GREATER}};

    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++)
        if (take_mark(self, operators[i].mark))
            return operators[i].orders;
    return 0;
}

/* A number as the elements are compared with it; false when it is none. */
static bool read_number(const tsr_dtype *dtype, const char *text, cli_where_operand *ret_operand)
{
    char element[16];
    int64_t whole;
    uint64_t natural;

    ret_operand->is_element = false;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) {
        ret_operand->exact = ret_operand->number = *text == 't';
        return true;
    }
    if (dtype->kind == TSR_KIND_FLOAT && scalar_parse(dtype, text, element, NULL) >= 0) {
        ret_operand->exact = ret_operand->number = tsr_dtype_to_double(dtype, element);
        return true;
    }
    if (scalar_parse(TSR_FLOAT64, text, &ret_operand->number, NULL) < 0)
        return false;
    ret_operand->exact = ret_operand->number;
    if (scalar_parse(TSR_INT64, text, &whole, NULL) >= 0)
        ret_operand->exact = whole;
    else if (scalar_parse(TSR_UINT64, text, &natural, NULL) >= 0)
        ret_operand->exact = natural;
    return true;
}

static int take_operand(cli_where_parser *self, cli_where_operand *ret_operand)
{
    char text[NUMBER_TEXT_MAX];
    size_t length;

    *ret_operand = (cli_where_operand){.is_element = take_word(self, "x")};
    if (ret_operand->is_element)
        return 0;
    length = word_length(self->at);
    if (length == 0 || length >= sizeof text)
        return refuse(self, "x or a number is missing");
    memcpy(text, self->at, length);
    text[length] = '\0';
    if (!read_number(self->where->dtype, text, ret_operand))
        return refuse(self, "neither x nor a number");
    self->at += length;
    return 0;
}

/* Returns its number, or a status. */
static int add_term(cli_where_parser *self, cli_where_term term)
{
    if (self->where->count == WHERE_TERMS_MAX)
        return refuse(self, "too long");
    self->where->terms[self->where->count] = term;
    return self->where->count++;
}

/* What holds for x and a number when it holds the other way round for the number and x. */
static int mirrored(int orders)
{
    return (orders & ~(WHERE_LESS | WHERE_GREATER)) | (orders & WHERE_LESS ? WHERE_GREATER : 0) |
           (orders & WHERE_GREATER ? WHERE_LESS : 0);
}

static int add_comparison(cli_where_parser *self, const cli_where_operand *left, int orders,
                          const cli_where_operand *right)
{
    const cli_where_operand *number = left->is_element ? right : left;

    if (!left->is_element && !right->is_element)
        return refuse(self, "two numbers are compared");
    return add_term(self, (cli_where_term){.kind = WHERE_COMPARE,
                                           .orders = left->is_element ? orders : mirrored(orders),
                                           .with_itself = left->is_element && right->is_element,
                                           .number = number->number,
                                           .exact = number->exact});
}

/* '-1 <= x < 5' is '-1 <= x and x < 5'. */
static int parse_chain(cli_where_parser *self)
{
    cli_where_operand left, right;
    int orders, term, chain = -1;

    CLI_TRY(take_operand(self, &left));
    while ((orders = take_operator(self)) != 0) {
        CLI_TRY(take_operand(self, &right));
        CLI_TRY(term = add_comparison(self, &left, orders, &right));
        if (chain >= 0)
            CLI_TRY(term = add_term(
                        self, (cli_where_term){.kind = WHERE_AND, .left = chain, .right = term}));
        chain = term;
        left = right;
    }
    return chain >= 0 ? chain : refuse(self, "a comparison is missing");
}

static int parse_or(cli_where_parser *self);

static int parse_not(cli_where_parser *self)
{
    int term;

    if (self->depth == DEPTH_MAX)
        return refuse(self, "too deep");
    self->depth++;
    if (take_word(self, "not")) {
        CLI_TRY(term = parse_not(self));
        CLI_TRY(term = add_term(self, (cli_where_term){.kind = WHERE_NOT, .left = term}));
    } else if (take_mark(self, "(")) {
        CLI_TRY(term = parse_or(self));
        if (!take_mark(self, ")"))
            return refuse(self, "a closing parenthesis is missing");
    } else {
        CLI_TRY(term = parse_chain(self));
    }
    self->depth--;
    return term;
}

static int parse_and(cli_where_parser *self)
{
    int left, right;

    CLI_TRY(left = parse_not(self));
    while (take_word(self, "and")) {
        CLI_TRY(right = parse_not(self));
        CLI_TRY(left = add_term(self,
                                (cli_where_term){.kind = WHERE_AND, .left = left, .right = right}));
    }
    return left;
}

static int parse_or(cli_where_parser *self)
{
    int left, right;

    CLI_TRY(left = parse_and(self));
    while (take_word(self, "or")) {
        CLI_TRY(right = parse_and(self));
        CLI_TRY(left = add_term(self,
                                (cli_where_term){.kind = WHERE_OR, .left = left, .right = right}));
    }
    return left;
}

int where_parse(cli_where *where, const tsr_dtype *dtype, const char *text, tsr_error *err)
{
    cli_where_parser parser = {.where = where, .text = text, .at = text, .err = err};

    if (dtype->kind > TSR_KIND_FLOAT)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "elements of type %s cannot be compared with numbers", dtype->name);
    where->dtype = dtype;
    where->count = 0;
    CLI_TRY(where->root = parse_or(&parser));
    skip_blanks(&parser);
    return *parser.at ? refuse(&parser, "and, or, or the end is expected") : 0;
}

/* ---- testing ---- */

/* The elements of a piece, as they are compared. */
typedef struct cli_where_piece {
    int64_t n;
    double values[WHERE_PIECE];
    const void *wide; /* 64-bit integers; NULL: values hold all there is to know */
    bool is_signed;
} cli_where_piece;

static bool holds(int orders, double value, double number)
{
    return ((orders & WHERE_LESS) && value < number) ||
           ((orders & WHERE_EQUAL) && value == number) ||
           ((orders & WHERE_GREATER) && value > number) ||
           ((orders & WHERE_UNORDERED) && isunordered(value, number));
}

static bool holds_wide(int orders, long double value, long double number)
{
    return ((orders & WHERE_LESS) && value < number) ||
           ((orders & WHERE_EQUAL) && value == number) ||
           ((orders & WHERE_GREATER) && value > number) ||
           ((orders & WHERE_UNORDERED) && isunordered(value, number));
}

static void compare(const cli_where_term *term, const cli_where_piece *piece, bool *ret_hits)
{
    for (int64_t i = 0; i < piece->n; i++) {
        if (!piece->wide) {
            ret_hits[i] = holds(term->orders, piece->values[i],
                                term->with_itself ? piece->values[i] : term->number);
            continue;
        }
        long double value = piece->is_signed ? (long double)((const int64_t *)piece->wide)[i]
                                             : (long double)((const uint64_t *)piece->wide)[i];
        ret_hits[i] = holds_wide(term->orders, value, term->with_itself ? value : term->exact);
    }
}

/* A chain of joined terms goes down on the left, as deep as there are terms: that side is worked
 * off in the caller's memory. */
static void test_term(const cli_where *where, int number, const cli_where_piece *piece,
                      bool *ret_hits)
{
    const cli_where_term *term = &where->terms[number];
    bool right[WHERE_PIECE];

    if (term->kind == WHERE_COMPARE) {
        compare(term, piece, ret_hits);
        return;
    }
    test_term(where, term->left, piece, ret_hits);
    if (term->kind != WHERE_NOT)
        test_term(where, term->right, piece, right);
    for (int64_t i = 0; i < piece->n; i++)
        ret_hits[i] = term->kind == WHERE_NOT   ? !ret_hits[i]
                      : term->kind == WHERE_AND ? ret_hits[i] && right[i]
                                                : ret_hits[i] || right[i];
}

void where_test(const cli_where *where, const void *elements, int64_t n, bool *ret_hits)
{
    const tsr_dtype *dtype = where->dtype;
    cli_where_piece piece;

    piece.n = n;
    piece.is_signed = dtype->kind == TSR_KIND_SIGNED;
    piece.wide = dtype->kind != TSR_KIND_FLOAT && dtype->size_bytes == 8 ? elements : NULL;
    if (!piece.wide)
        scalar_to_doubles(dtype, elements, (int64_t)dtype->size_bytes, n, piece.values);
    test_term(where, where->root, &piece, ret_hits);
}

/* ---- ranges of values ---- */

/* Values between two, both included, or NaN. */
typedef struct cli_where_range {
    bool is_nan;
    long double low, high;
} cli_where_range;

enum { CAN_HOLD = 1, CAN_FAIL = 2 };

static int possible_orders(const cli_where *where, const cli_where_term *term,
                           const cli_where_range *range)
{
    bool is_float = where->dtype->kind == TSR_KIND_FLOAT;
    long double number =
        is_float || where->dtype->size_bytes < 8 ? (long double)term->number : term->exact;

    if (range->is_nan || (!term->with_itself && isnan(number)))
        return WHERE_UNORDERED;
    if (term->with_itself)
        return WHERE_EQUAL;
    bool can_be = is_float || truncl(number) == number;
    return (range->low < number ? WHERE_LESS : 0) | (range->high > number ? WHERE_GREATER : 0) |
           (can_be && range->low <= number && number <= range->high ? WHERE_EQUAL : 0);
}

/* What a term can say of values of a range: more than it does at worst. */
static int outcomes(const cli_where *where, int number, const cli_where_range *range)
{
    const cli_where_term *term = &where->terms[number];
    int left, right, orders;

    if (term->kind == WHERE_COMPARE) {
        orders = possible_orders(where, term, range);
        return (orders & term->orders ? CAN_HOLD : 0) | (orders & ~term->orders ? CAN_FAIL : 0);
    }
    left = outcomes(where, term->left, range);
    if (term->kind == WHERE_NOT)
        return (left & CAN_HOLD ? CAN_FAIL : 0) | (left & CAN_FAIL ? CAN_HOLD : 0);
    right = outcomes(where, term->right, range);
    if (term->kind == WHERE_AND)
        return (left & right & CAN_HOLD) | ((left | right) & CAN_FAIL);
    return ((left | right) & CAN_HOLD) | (left & right & CAN_FAIL);
}

static long double wide_extreme(const tsr_dtype *dtype, const tsr_extreme *extreme)
{
    switch (dtype->kind) {
    case TSR_KIND_FLOAT:
        return extreme->as_double;
    case TSR_KIND_SIGNED:
        return extreme->as_signed;
    default:
        return extreme->as_unsigned;
    }
}

bool where_may_hit(const cli_where *where, const tsr_statistics *statistics, const void *fill_value)
{
    cli_where_range range = {.is_nan = true};
    bool hit = false;

    if (statistics->fill_count > 0)
        where_test(where, fill_value, 1, &hit);
    if (statistics->nan_count > 0)
        hit |= outcomes(where, where->root, &range) & CAN_HOLD;
    if (hit || statistics->valid_count == 0)
        return hit;
    range.is_nan = false;
    range.low = wide_extreme(where->dtype, &statistics->least);
    range.high = wide_extreme(where->dtype, &statistics->greatest);
    return outcomes(where, where->root, &range) & CAN_HOLD;
}
