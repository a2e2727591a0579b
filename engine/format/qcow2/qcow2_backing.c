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

/* The old header's first page, and the new one's, of `limit` bytes each. */
struct rewriting {
    const unsigned char *old;
    unsigned char *header;
    uint32_t limit;
    uint32_t at; /* where the extensions of the new one end */
};

/* Copies the extensions that say nothing about the backing file. */
static enum vdisk_status copy_extensions(struct vdisk_image *image, struct rewriting *rewriting,
                                         bool with_feature_names, struct vdisk_error *error)
{
    struct qcow2_extension extension = {0};

    for (;;) {
        const uint32_t data_at = rewriting->at + 8;
        enum vdisk_status status = qcow2_extension_next(image, &extension, error);

        if (status != VDISK_OK || extension.type == QCOW2_EXT_END)
            return status;
        if (extension.type == QCOW2_EXT_BACKING_FORMAT ||
            (extension.type == QCOW2_EXT_FEATURE_NAMES && !with_feature_names))
            continue;
        if (extension.length_bytes > rewriting->limit ||
            !put_extension(rewriting->header, &rewriting->at, rewriting->limit, extension.type,
                           NULL, extension.length_bytes))
            return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 header extension",
                                    extension.data_offset, "there is no room to rewrite it");
        status = vdisk_file_read(image->file, extension.data_offset, rewriting->header + data_at,
                                 extension.length_bytes, error);
        if (status != VDISK_OK)
            return status;
    }
}

/* What lies behind the first sector is written before it: there the old header must stay true. */
static bool moves_extensions(const struct rewriting *rewriting)
{
    return rewriting->at > QCOW2_SECTOR_BYTES &&
           memcmp(rewriting->header + QCOW2_SECTOR_BYTES, rewriting->old + QCOW2_SECTOR_BYTES,
                  rewriting->at - QCOW2_SECTOR_BYTES) != 0;
}

static enum vdisk_status compose_extensions(struct vdisk_image *image, struct rewriting *rewriting,
                                            const char *format, bool with_feature_names,
                                            struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;
    bool fits;

    memcpy(rewriting->header, rewriting->old, rewriting->limit);
    rewriting->at = qcow2_of(image)->header_bytes;
    fits = put_extension(rewriting->header, &rewriting->at, rewriting->limit,
                         QCOW2_EXT_BACKING_FORMAT, format, (uint32_t)strlen(format));
    if (fits)
        status = copy_extensions(image, rewriting, with_feature_names, error);
    if (status != VDISK_OK)
        return status;
    if (!fits ||
        !put_extension(rewriting->header, &rewriting->at, rewriting->limit, QCOW2_EXT_END, NULL, 0))
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 header", 0,
                                "there is no room for a backing file");
    return VDISK_OK;
}

/*
 * Where a name of this length touches nothing of the old one behind the first sector, nor of what
 * the old header has there before it.
 */
static uint64_t place_name(const struct rewriting *rewriting, uint32_t length, bool shorter)
{
    const uint64_t offset = vdisk_load_be64(rewriting->old + QCOW2_AT_BACKING_OFFSET);
    const uint64_t end = offset + vdisk_load_be32(rewriting->old + QCOW2_AT_BACKING_LENGTH);
    const uint64_t first = vdisk_max_u64(shorter ? 0 : offset, QCOW2_SECTOR_BYTES);

    if (vdisk_max_u64(first, rewriting->at) >= vdisk_min_u64(end, rewriting->at + length))
        return rewriting->at;
    return end;
}

/*
 * The header with other names. The names of features are left out where they would have to move
 * behind the first sector, or take the room of the name.
 */
static enum vdisk_status compose_header(struct vdisk_image *image, struct rewriting *rewriting,
                                        const struct qcow2_backing *backing,
                                        struct vdisk_error *error)
{
    const uint32_t length = (uint32_t)strlen(backing->name);

    if (qcow2_of(image)->header_bytes >= rewriting->limit)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 header", 0,
                                "there is no room for a backing file");
    for (uint32_t attempt = 0; attempt < 2; attempt++) {
        const bool shorter = attempt != 0;
        uint64_t name_at;
        enum vdisk_status status = compose_extensions(
            image, rewriting, qcow2_format_to_qemu(backing->format), !shorter, error);

        if (status != VDISK_OK)
            return status;
        name_at = place_name(rewriting, length, shorter);
        if (moves_extensions(rewriting) || !vdisk_range_within(name_at, length, rewriting->limit))
            continue;
        memcpy(rewriting->header + name_at, backing->name, length);
        vdisk_store_be64(rewriting->header + QCOW2_AT_BACKING_OFFSET, name_at);
        vdisk_store_be32(rewriting->header + QCOW2_AT_BACKING_LENGTH, length);
        return VDISK_OK;
    }
    return vdisk_image_fail(image, error, VDISK_INVALID, "QCOW2 backing file", VDISK_NO_OFFSET,
                            "the parent's name is too long");
}

/* The first sector names the rest, so it goes last. */
static enum vdisk_status write_header(struct vdisk_image *image, const unsigned char *header,
                                      uint32_t length_bytes, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    enum vdisk_status status = VDISK_OK;

    if (length_bytes > QCOW2_SECTOR_BYTES)
        status = vdisk_file_write(image->file, QCOW2_SECTOR_BYTES, header + QCOW2_SECTOR_BYTES,
                                  length_bytes - QCOW2_SECTOR_BYTES, error);
    if (status != VDISK_OK)
        return status;
    memcpy(q->header, header, QCOW2_SECTOR_BYTES);
    return qcow2_header_switch(image, error);
}

static enum vdisk_status take_names(struct vdisk_image *image, const struct qcow2_backing *backing,
                                    struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);

    for (uint32_t i = 0; i < image->parent_name_count; i++)
        vdisk_free(image->parent_names[i].name);
    image->parent_name_count = 0;
    memset(q->parent_format, 0, sizeof q->parent_format);
    memcpy(q->parent_format, backing->format,
           vdisk_min_size(strlen(backing->format), sizeof q->parent_format - 1));
    image->parent_format = q->parent_format;
    return vdisk_image_add_parent_name(image, VDISK_NAME_RELATIVE, backing->name, error);
}

enum vdisk_status qcow2_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                   const char *parent_name, const char *parent_absolute_name,
                                   struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct qcow2_backing backing = {parent_name, parent->format->name};
    struct rewriting rewriting = {.limit = q->page_bytes};
    unsigned char *pages;
    enum vdisk_status status = qcow2_commit(image, error);

    (void)parent_absolute_name;
    if (status != VDISK_OK)
        return status;
    if (parent_name == NULL || !qcow2_name_is_plain(parent_name))
        return vdisk_image_fail(image, error, VDISK_INVALID, "QCOW2 backing file", VDISK_NO_OFFSET,
                                "the parent must be named relative to the image, without ':'");
    pages = vdisk_alloc(2 * (size_t)rewriting.limit);
    if (pages == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    rewriting.old = pages;
    rewriting.header = pages + rewriting.limit;
    status = vdisk_file_read(image->file, 0, pages, rewriting.limit, error);
    memcpy(pages, q->header, QCOW2_SECTOR_BYTES);
    if (status == VDISK_OK)
        status = compose_header(image, &rewriting, &backing, error);
    if (status == VDISK_OK)
        status = write_header(image, rewriting.header, rewriting.limit, error);
    vdisk_free(pages);
    if (status == VDISK_OK)
        status = take_names(image, &backing, error);
    return status;
}
