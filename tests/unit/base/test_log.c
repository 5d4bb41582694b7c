/* Proves that one event is one line, with its level and subsystem, and that no hook means silence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/context.h"

typedef struct seen {
    int lines;
    tsr_log_level level;
    char subsystem[32], message[4096];
} seen;

static void note(void *user, tsr_log_level level, const char *subsystem, const char *message)
{
    seen *self = user;
    self->lines++;
    self->level = level;
    strcpy(self->subsystem, subsystem);
    strcpy(self->message, message);
}

static tsr_context *new_context(seen *self)
{
    tsr_context *context = NULL;
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.threads = 1;
    options.log = self ? note : NULL;
    options.log_user = self;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    return context;
}

static void an_event_is_one_line(void **state)
{
    (void)state;
    seen self = {0};
    tsr_auto(tsr_context) *context = new_context(&self);
    tsri_log(context, TSR_LOG_WARNING, "store", "left over: %s (%d)", "c/0\nforged line\x1b[2J", 3);
    assert_int_equal(self.lines, 1);
    assert_int_equal(self.level, TSR_LOG_WARNING);
    assert_string_equal(self.subsystem, "store");
    assert_string_equal(self.message, "left over: c/0\\nforged line\\x1b[2J (3)");
}

static void a_long_event_is_cut(void **state)
{
    (void)state;
    seen self = {0};
    tsr_auto(tsr_context) *context = new_context(&self);
    tsri_log(context, TSR_LOG_DEBUG, "meta", "%3000d", 1);
    size_t length = strlen(self.message);
    assert_in_range(length, 500, 1023);
    assert_string_equal(self.message + length - 3, "...");
}

static void no_hook_means_silence(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(NULL);
    tsri_log(context, TSR_LOG_INFO, "store", "%s", "nobody listens");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_is_one_line),
        cmocka_unit_test(a_long_event_is_cut),
        cmocka_unit_test(no_hook_means_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
