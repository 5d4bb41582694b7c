/* A bitmap font of our own: printable ASCII in 5 x 8 dots, the last row for descenders. */
#ifndef TESSERA_CLI_GLYPHS_H
#define TESSERA_CLI_GLYPHS_H

#include <stdint.h>

enum { GLYPH_COLUMNS = 5, GLYPH_ROWS = 8 };

/* Eight rows from the top; bit 4 is the leftmost dot. Never NULL. */
const uint8_t *glyph_rows(char character);

#endif
