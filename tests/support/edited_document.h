/* JSON documents of which a test changes some members. */
#ifndef TESTS_SUPPORT_EDITED_DOCUMENT_H
#define TESTS_SUPPORT_EDITED_DOCUMENT_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A member that a test sets in a document; a NULL text removes it. */
typedef struct edit {
    const char *name, *text;
} edit;

static inline const edit *find_edit(const edit *edits, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(edits[i].name, name) == 0)
            return &edits[i];
    return NULL;
}

/* An object with these members and edits; unknown names are added at the end. The caller frees it.
 */
static inline char *edited_document(const char *const (*members)[2], size_t member_count,
                                    const edit *edits, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    const char *before = "{";
    for (size_t i = 0; i < member_count; i++) {
        const edit *found = find_edit(edits, count, members[i][0]);
        if (found != NULL && found->text == NULL)
            continue;
        fprintf(stream, "%s\"%s\":%s", before, members[i][0],
                found != NULL ? found->text : members[i][1]);
        before = ",";
    }
    for (size_t j = 0; j < count; j++) {
        bool known = false;
        for (size_t i = 0; i < member_count; i++)
            known |= strcmp(edits[j].name, members[i][0]) == 0;
        if (!known && edits[j].text != NULL)
            fprintf(stream, "%s\"%s\":%s", before, edits[j].name, edits[j].text);
    }
    fprintf(stream, "}");
    fclose(stream);
    return text;
}

#endif
