#include "source/npy_scan.h"

#include "base/checked.h"

int tsri_npy_refuse(const tsri_npy_scanner *self, const char *what, tsr_error *err)
{
    tsr_error_set(err, TSR_BAD_METADATA, "an .npy header with %s", what);
    tsr_error_set_where(err, "byte %td of the dictionary in the header", self->at - self->begin);
    return TSR_BAD_METADATA;
}

void tsri_npy_skip_space(tsri_npy_scanner *self)
{
    while (self->at < self->end && (*self->at == ' ' || (*self->at >= '\t' && *self->at <= '\r')))
        self->at++;
}

bool tsri_npy_take_word(tsri_npy_scanner *self, const char *word)
{
    size_t length = strlen(word);
    tsri_npy_skip_space(self);
    if ((size_t)(self->end - self->at) < length || memcmp(self->at, word, length) != 0)
        return false;
    self->at += length;
    return true;
}

bool tsri_npy_take_string(tsri_npy_scanner *self, char *text, size_t capacity)
{
    tsri_npy_skip_space(self);
    if (self->at == self->end || (*self->at != '\'' && *self->at != '"'))
        return false;
    char quote = *self->at;
    const char *start = self->at + 1, *stop = start;
    while (stop < self->end && *stop != quote && *stop != '\\' && *stop != '\0')
        stop++;
    if (stop == self->end || *stop != quote || (size_t)(stop - start) >= capacity)
        return false;
    memcpy(text, start, (size_t)(stop - start));
    text[stop - start] = '\0';
    self->at = stop + 1;
    return true;
}

/* One character of a text; of its escapes those that stand for a visible character. */
static int take_character(tsri_npy_scanner *self, tsr_output *output, tsr_error *err)
{
    unsigned char byte = (unsigned char)*self->at;

    if (byte == '\\') {
        self->at++;
        if (self->at == self->end || !strchr("\\'\"", *self->at) || *self->at == '\0')
            return tsri_npy_refuse(self, "an escape other than \\\\, \\' and \\\" in a name", err);
        byte = (unsigned char)*self->at;
    }
    self->at++;
    if (byte < 0x80 || self->is_utf8)
        return tsr_output_append(output, &byte, 1, err);
    const unsigned char both[] = {(unsigned char)(0xc0 | byte >> 6),
                                  (unsigned char)(0x80 | (byte & 0x3f))};
    return tsr_output_append(output, both, 2, err);
}

int tsri_npy_take_text(tsri_npy_scanner *self, tsr_output *output, tsr_error *err)
{
    tsri_npy_skip_space(self);
    if (self->at == self->end || (*self->at != '\'' && *self->at != '"'))
        return tsri_npy_refuse(self, "a name that is no text", err);
    char quote = *self->at++;
    while (self->at < self->end && *self->at != quote && *self->at != '\0')
        TSRI_TRY(take_character(self, output, err));
    if (self->at == self->end || *self->at != quote)
        return tsri_npy_refuse(self, "a text that does not end", err);
    self->at++;
    return 0;
}

/* Python 2 wrote long integers with an L. */
bool tsri_npy_take_length(tsri_npy_scanner *self, int64_t *ret_length)
{
    int64_t value = 0;

    tsri_npy_skip_space(self);
    const char *start = self->at;
    for (; self->at < self->end && *self->at >= '0' && *self->at <= '9'; self->at++)
        if (!tsri_multiply_i64(value, 10, &value) || !tsri_add_i64(value, *self->at - '0', &value))
            return false;
    *ret_length = value;
    return self->at > start && (tsri_npy_take_word(self, "L"), true);
}
