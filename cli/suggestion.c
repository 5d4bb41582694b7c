#include "suggestion.h"

#include <stdio.h>
#include <string.h>

#define WORD_MAX 64
#define FAR_AWAY 1000

static int smallest(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

int suggestion_distance(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1];
    int a_length = (int)strnlen(a, WORD_MAX), b_length = (int)strnlen(b, WORD_MAX);

    if (a_length == WORD_MAX || b_length == WORD_MAX)
        return FAR_AWAY;
    for (int j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (int i = 1; i <= a_length; i++) {
        int *now = rows[i % 3], *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= b_length; j++) {
            int differs = a[i - 1] != b[j - 1];
            now[j] = smallest(before[j] + 1, now[j - 1] + 1, before[j - 1] + differs);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_before[j - 2] + 1 < now[j])
                now[j] = two_before[j - 2] + 1;
        }
    }
    return rows[a_length % 3][b_length];
}

void suggestion_init(cli_suggestion *suggestion, const char *typed)
{
    suggestion->typed = typed;
    suggestion->nearest[0] = '\0';
    suggestion->distance = FAR_AWAY;
}

void suggestion_offer(cli_suggestion *suggestion, const char *candidate)
{
    size_t length = strlen(suggestion->typed);
    int distance = suggestion_distance(suggestion->typed, candidate);

    /* The beginning of a name is near it however much is missing. */
    if (length >= 2 && strncmp(suggestion->typed, candidate, length) == 0)
        distance = 1;
    /* One slip in three letters is a typing mistake; more is another word. */
    if (distance <= (int)length / 3 + 1 && distance < suggestion->distance &&
        distance < (int)strlen(candidate)) {
        snprintf(suggestion->nearest, sizeof suggestion->nearest, "%s", candidate);
        suggestion->distance = distance;
    }
}
