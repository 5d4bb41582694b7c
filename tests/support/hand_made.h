/* Bytes made by hand, by no code under test. */
#ifndef TESSERA_TESTS_HAND_MADE_H
#define TESSERA_TESTS_HAND_MADE_H

#include <stddef.h>
#include <stdint.h>

/* Little-endian words. */
static inline void store_u32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static inline void store_u64(unsigned char *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

/* CRC-32C as RFC 3720 defines it: division by the polynomial, one bit at a time, without any table.
 */
static inline uint32_t hand_made_crc32c(const unsigned char *bytes, size_t size_bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size_bytes; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

/* Puts the checksum behind the bytes that it is of, as four little-endian bytes. */
static inline void append_crc32c(unsigned char *bytes, size_t size_bytes)
{
    store_u32(bytes + size_bytes, hand_made_crc32c(bytes, size_bytes));
}

#endif
