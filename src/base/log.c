#include <stdarg.h>

#include "base/context.h"
#include "base/text.h"

#define LINE_BYTES 1024

void tsri_log(tsr_context *context, tsr_log_level level, const char *subsystem, const char *format,
              ...)
{
    if (!context->options.log)
        return;
    char message[LINE_BYTES], line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    tsri_text_vprint(message, sizeof message, format, arguments);
    va_end(arguments);
    /* Keys and file names come from outside: one event stays one line. */
    tsri_text_escape(line, sizeof line, message);
    context->options.log(context->options.log_user, level, subsystem, line);
}
