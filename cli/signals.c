#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <tessera.h>

static int cancelled, first_number;

/* Only async-signal-safe calls: tsr_cancel, write, sigaction, raise. */
static void on_signal(int number)
{
    static const char text[] =
        "\ntessera: interrupted: finishing the chunk in hand (interrupt again to stop at once)\n";
    int saved = errno;

    if (__atomic_load_n(&cancelled, __ATOMIC_ACQUIRE)) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = SIG_DFL;
        sigaction(number, &action, NULL);
        raise(number);
        return;
    }
    __atomic_store_n(&first_number, number, __ATOMIC_RELEASE);
    tsr_cancel(&cancelled);
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
        errno = saved;
    errno = saved;
}

void signals_install(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigaction(SIGXFSZ, &action, NULL); /* a file beyond the user's limit is an error with words */
    action.sa_handler = on_signal;
    /* Reads from a terminal or pipe end with EINTR, so that `put -` notices. */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

const int *signals_cancel_flag(void)
{
    return &cancelled;
}

bool signals_interrupted(void)
{
    return __atomic_load_n(&cancelled, __ATOMIC_ACQUIRE) != 0;
}

int signals_number(void)
{
    return __atomic_load_n(&first_number, __ATOMIC_ACQUIRE);
}
