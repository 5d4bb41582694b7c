/* "Did you mean": the nearest of many names to a mistyped one. */
#ifndef TESSERA_CLI_SUGGESTION_H
#define TESSERA_CLI_SUGGESTION_H

typedef struct cli_suggestion {
    const char *typed;
    char nearest[64]; /* empty while nothing is near enough */
    int distance;
} cli_suggestion;

/* Starts the search. */
void suggestion_init(cli_suggestion *suggestion, const char *typed);

/* Looks at one candidate. */
void suggestion_offer(cli_suggestion *suggestion, const char *candidate);

/* Restricted Damerau-Levenshtein distance of two words: insertions, deletions, replacements and
 * swaps of neighbours; 1000 for words of 64 bytes and more, which nobody mistypes into another. */
int suggestion_distance(const char *a, const char *b);

#endif
