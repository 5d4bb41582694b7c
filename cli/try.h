/* Passing a failure on. */
#ifndef TESSERA_CLI_TRY_H
#define TESSERA_CLI_TRY_H

/* Returns the status of a failed call when the expression is negative. */
#define CLI_TRY(expression)             \
    do {                                \
        int try_status_ = (expression); \
        if (try_status_ < 0)            \
            return try_status_;         \
    } while (0)

#endif
