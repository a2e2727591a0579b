/* Fields of on-disk structures: loads and stores at any address, in either byte order. */
#ifndef VIRTUALDISK_ENGINE_ENDIAN_H
#define VIRTUALDISK_ENGINE_ENDIAN_H

#include "virtualdisk/platform.h"

static inline uint16_t vdisk_load_le16(const void *p)
{
    const unsigned char *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t vdisk_load_le32(const void *p)
{
    const unsigned char *b = p;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t vdisk_load_le64(const void *p)
{
    const unsigned char *b = p;
    return vdisk_load_le32(b) | (uint64_t)vdisk_load_le32(b + 4) << 32;
}

static inline uint16_t vdisk_load_be16(const void *p)
{
    const unsigned char *b = p;
    return (uint16_t)(b[0] << 8 | b[1]);
}

static inline uint32_t vdisk_load_be32(const void *p)
{
    const unsigned char *b = p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | (uint32_t)b[3];
}

static inline uint64_t vdisk_load_be64(const void *p)
{
    const unsigned char *b = p;
    return (uint64_t)vdisk_load_be32(b) << 32 | vdisk_load_be32(b + 4);
}

static inline void vdisk_store_le16(void *p, uint16_t value)
{
    unsigned char *b = p;
    b[0] = (unsigned char)value;
    b[1] = (unsigned char)(value >> 8);
}

static inline void vdisk_store_le32(void *p, uint32_t value)
{
    unsigned char *b = p;
    vdisk_store_le16(b, (uint16_t)value);
    vdisk_store_le16(b + 2, (uint16_t)(value >> 16));
}

static inline void vdisk_store_le64(void *p, uint64_t value)
{
    unsigned char *b = p;
    vdisk_store_le32(b, (uint32_t)value);
    vdisk_store_le32(b + 4, (uint32_t)(value >> 32));
}

static inline void vdisk_store_be16(void *p, uint16_t value)
{
    unsigned char *b = p;
    b[0] = (unsigned char)(value >> 8);
    b[1] = (unsigned char)value;
}

static inline void vdisk_store_be32(void *p, uint32_t value)
{
    unsigned char *b = p;
    vdisk_store_be16(b, (uint16_t)(value >> 16));
    vdisk_store_be16(b + 2, (uint16_t)value);
}

static inline void vdisk_store_be64(void *p, uint64_t value)
{
    unsigned char *b = p;
    vdisk_store_be32(b, (uint32_t)(value >> 32));
    vdisk_store_be32(b + 4, (uint32_t)value);
}

#endif
