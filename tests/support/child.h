/* Children of tests that fork. */
#ifndef TESSERA_TESTS_CHILD_H
#define TESSERA_TESTS_CHILD_H

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for a child and returns its exit status, or 128 and the signal that ended it. After 20 s it
 * hangs, is killed, and counts as 255. */
static inline int exit_status_of(pid_t child)
{
    int status = 0;
    for (int i = 0; i < 2000; i++) {
        if (waitpid(child, &status, WNOHANG) == child)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        usleep(10000);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return 255;
}

#endif
