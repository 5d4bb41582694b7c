/* Interruption: the first SIGINT or SIGTERM lets the chunk in hand finish, the second ends the
 * process at once. A signal handler can reach nothing but a global, so what is here is the
 * program's only one. */
#ifndef TESSERA_CLI_SIGNALS_H
#define TESSERA_CLI_SIGNALS_H

#include <stdbool.h>

/* Installs the handlers. SIGPIPE is ignored, so that a reader that goes away is seen as a failed
 * write. */
void signals_install(void);

/* The flag for tsr_call.cancel. */
const int *signals_cancel_flag(void);

/* The signal that came first; 0: none. */
int signals_number(void);

/* Whether the user has interrupted. */
bool signals_interrupted(void);

#endif
