/* What sweep.py is tried on: with "careful" every failure is noticed and reported; with "careless"
 * a refused allocation is written to; with "silent" it is noticed and not reported; with "wrong" it
 * is taken for success; with "stuck" it is waited for. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int on_failure(const char *manner, const char *what)
{
    if (strcmp(manner, "silent") == 0)
        return 8;
    if (strcmp(manner, "wrong") == 0)
        return 0;
    if (strcmp(manner, "stuck") == 0)
        pause();
    fprintf(stderr, "victim: %s failed\n", what);
    return 8;
}

int main(int argc, char **argv)
{
    const char *manner = argc > 1 ? argv[1] : "careful";
    static const char greeting[] = "every value is here\n";

    for (int i = 0; i < 5; i++) {
        volatile char *block = malloc(100);
        int descriptor = open("/dev/null", O_RDONLY);

        if (!block && strcmp(manner, "careless") == 0)
            block[i] = 1;
        if (!block || descriptor < 0) {
            free((void *)block);
            return on_failure(manner, block ? "open" : "malloc");
        }
        close(descriptor);
        free((void *)block);
    }
    return write(STDOUT_FILENO, greeting, sizeof greeting - 1) < 0;
}
