/* A program as a user writes it: the umbrella header, nothing of the source tree. */
#include <stdio.h>
#include <string.h>

#include <tessera.h>

int main(void)
{
    tsr_error err = TSR_ERROR_INIT;
    int status = tsr_error_set(&err, TSR_NOT_FOUND, "consumer: looked for %s", "nothing");

    if (status != TSR_NOT_FOUND || strcmp(err.message, "consumer: looked for nothing") != 0)
        return 1;
    printf("consumer: %s\n", tsr_status_text(status));
    return 0;
}
