/* The names that a header gives: of its backing file and of features. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

#define NAMES_MAX_BYTES VDISK_PAGE_BYTES

/* So that programs which do not know a feature can say its name. */
static const struct {
    unsigned char type; /* 0 incompatible, 1 compatible, 2 autoclear */
    unsigned char bit;
    const char *name;
} features[] = {
    {0, 0, "dirty bit"},        {0, 1, "corrupt bit"},         {0, 2, "external data file"},
    {0, 3, "compression type"}, {0, 4, "extended L2 entries"}, {1, 0, "lazy refcounts"},
    {2, 0, "bitmaps"},          {2, 1, "raw external data"},
};
#define FEATURE_COUNT (sizeof features / sizeof features[0])
#define FEATURE_BYTES 48u

/* Puts an extension at *at; false when it does not fit. NULL data: to be filled by the caller. */
static bool put_extension(unsigned char *header, uint32_t *at, uint32_t limit, uint32_t type,
                          const void *data, uint32_t length)
{
    const uint32_t padded = (length + 7) & ~7u;

    if (limit < *at || limit - *at < 8 + padded)
        return false;
    vdisk_store_be32(header + *at, type);
    vdisk_store_be32(header + *at + 4, length);
    memset(header + *at + 8, 0, padded);
    if (data != NULL)
        memcpy(header + *at + 8, data, length);
    *at += 8 + padded;
    return true;
}

/* Left out where the header's cluster is too small for it. */
static void put_feature_names(unsigned char *header, uint32_t *at, uint32_t limit)
{
    const uint32_t start = *at;

    if (!put_extension(header, at, limit, QCOW2_EXT_FEATURE_NAMES, NULL,
                       FEATURE_COUNT * FEATURE_BYTES))
        return;
    for (uint32_t i = 0; i < FEATURE_COUNT; i++) {
        unsigned char *entry = header + start + 8 + (size_t)i * FEATURE_BYTES;

        entry[0] = features[i].type;
        entry[1] = features[i].bit;
        memcpy(entry + 2, features[i].name, strlen(features[i].name));
    }
}

bool qcow2_write_names(unsigned char *header, uint32_t at, uint32_t cluster_bytes,
                       const struct qcow2_backing *backing)
{
    const uint32_t limit = cluster_bytes < NAMES_MAX_BYTES ? cluster_bytes : NAMES_MAX_BYTES;
    const size_t name_length = backing->name == NULL ? 0 : strlen(backing->name);
    uint32_t names_limit;

    if (name_length > QCOW2_NAME_BYTES_MAX || name_length + 64 > limit - at)
        return false;
    names_limit = limit - (uint32_t)name_length - 8; /* of the end */
    if (backing->format != NULL) {
        const char *format = qcow2_format_to_qemu(backing->format);

        if (!put_extension(header, &at, names_limit, QCOW2_EXT_BACKING_FORMAT, format,
                           (uint32_t)strlen(format)))
            return false;
    }
    put_feature_names(header, &at, names_limit);
    if (!put_extension(header, &at, limit - (uint32_t)name_length, QCOW2_EXT_END, NULL, 0))
        return false;
    if (name_length != 0) {
        memcpy(header + at, backing->name, name_length);
        vdisk_store_be64(header + QCOW2_AT_BACKING_OFFSET, at);
        vdisk_store_be32(header + QCOW2_AT_BACKING_LENGTH, (uint32_t)name_length);
    }
    return true;
}
