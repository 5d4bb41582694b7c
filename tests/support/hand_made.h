/* Bytes made by hand, by no code under test. */
#ifndef TESSERA_TESTS_HAND_MADE_H
#define TESSERA_TESTS_HAND_MADE_H

#include <stddef.h>
#include <stdint.h>

/* A little-endian word. */
static inline void store_u64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

/* Puts the CRC-32C, bit by bit as RFC 3720 defines it, behind `size_bytes` as four little-endian
 * bytes. */
static inline void append_crc32c(unsigned char *bytes, size_t size_bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    crc = ~crc;
    for (int i = 0; i < 4; i++)
        bytes[size_bytes + (size_t)i] = (unsigned char)(crc >> 8 * i);
}

#endif
