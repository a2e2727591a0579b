/* Header extensions, and the files that the header names. */
#include "engine/format/qcow2/qcow2.h"
#include "engine/base/endian.h"

#define STRUCTURE          "QCOW2 header extension"
#define EXTENSIONS_MAX     1024
#define FEATURE_BYTES      48
#define FEATURE_NAME_BYTES 46

enum vdisk_status qcow2_extension_next(struct vdisk_image *image, struct qcow2_extension *extension,
                                       struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t backing = vdisk_load_be64(q->header + QCOW2_AT_BACKING_OFFSET);
    const uint64_t end = backing != 0 && backing < q->cluster_bytes ? backing : q->cluster_bytes;
    unsigned char head[8];
    uint64_t at, size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    at = extension->data_offset == 0
             ? q->header_bytes
             : extension->data_offset + ((extension->length_bytes + UINT64_C(7)) & ~UINT64_C(7));
    extension->type = QCOW2_EXT_END;
    extension->data_offset = at + sizeof head;
    extension->length_bytes = 0;
    if (!vdisk_range_within(at, sizeof head, vdisk_min_u64(end, size)))
        return VDISK_OK;
    status = vdisk_file_read(image->file, at, head, sizeof head, error);
    if (status != VDISK_OK)
        return status;
    extension->type = vdisk_load_be32(head);
    extension->length_bytes = vdisk_load_be32(head + 4);
    if (extension->type != QCOW2_EXT_END &&
        !vdisk_range_within(extension->data_offset, extension->length_bytes,
                            vdisk_min_u64(end, size)))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, STRUCTURE, at,
                                "it reaches beyond the header's cluster");
    return VDISK_OK;
}

/* The first extension of a type; type END when there is none. */
static enum vdisk_status find_extension(struct vdisk_image *image, uint32_t type,
                                        struct qcow2_extension *found, struct vdisk_error *error)
{
    memset(found, 0, sizeof *found);
    for (uint32_t i = 0; i < EXTENSIONS_MAX; i++) {
        enum vdisk_status status = qcow2_extension_next(image, found, error);

        if (status != VDISK_OK || found->type == type || found->type == QCOW2_EXT_END)
            return status;
    }
    return vdisk_image_fail(image, error, VDISK_CORRUPT, STRUCTURE, found->data_offset,
                            "there are more than 1024 of them");
}

static uint32_t lowest_bit(uint64_t bits)
{
    uint32_t bit = 0;

    while ((bits >> bit & 1) == 0)
        bit++;
    return bit;
}

/* Says the feature's name, which only the image knows, behind the name of the file. */
static void name_feature(struct vdisk_error *error, const char *name)
{
    static const char before[] = " (feature: ";
    const size_t used = strlen(error->file);
    const size_t length = strlen(name);

    if (length == 0 || used + sizeof before + length + 2 > sizeof error->file)
        return;
    memcpy(error->file + used, before, sizeof before - 1);
    memcpy(error->file + used + sizeof before - 1, name, length);
    memcpy(error->file + used + sizeof before - 1 + length, ")", 2);
}

static enum vdisk_status read_feature_name(struct vdisk_image *image, uint32_t bit,
                                           char name[FEATURE_NAME_BYTES + 1])
{
    struct qcow2_extension table;
    enum vdisk_status status = find_extension(image, QCOW2_EXT_FEATURE_NAMES, &table, NULL);

    name[0] = '\0';
    for (uint32_t at = 0; status == VDISK_OK && table.type != QCOW2_EXT_END &&
                          at < 192u * FEATURE_BYTES && at + FEATURE_BYTES <= table.length_bytes;
         at += FEATURE_BYTES) {
        unsigned char entry[FEATURE_BYTES];

        status = vdisk_file_read(image->file, table.data_offset + at, entry, sizeof entry, NULL);
        if (status != VDISK_OK || entry[0] != 0 || entry[1] != bit)
            continue;
        memcpy(name, entry + 2, FEATURE_NAME_BYTES);
        name[FEATURE_NAME_BYTES] = '\0';
        break;
    }
    return status;
}

static enum vdisk_status check_features(struct vdisk_image *image, struct vdisk_error *error)
{
    const uint64_t unknown =
        qcow2_header_features(qcow2_of(image), QCOW2_AT_INCOMPATIBLE) & ~QCOW2_KNOWN_INCOMPATIBLE;
    char name[FEATURE_NAME_BYTES + 1];
    enum vdisk_status status;

    if (unknown == 0)
        return VDISK_OK;
    status = vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 incompatible features",
                              QCOW2_AT_INCOMPATIBLE, "the image needs a feature that is unknown");
    if (error != NULL && read_feature_name(image, lowest_bit(unknown), name) == VDISK_OK)
        name_feature(error, name);
    return status;
}

/* Reads a name into `text`, NUL-terminated; a NUL within it is an error. */
static enum vdisk_status read_text(struct vdisk_image *image, uint64_t offset_bytes,
                                   uint32_t length_bytes, char *text, uint32_t text_bytes,
                                   const char *structure, struct vdisk_error *error)
{
    enum vdisk_status status;

    if (length_bytes == 0 || length_bytes >= text_bytes)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, offset_bytes,
                                "the name is empty or too long");
    status = vdisk_file_read(image->file, offset_bytes, text, length_bytes, error);
    if (status != VDISK_OK)
        return status;
    text[length_bytes] = '\0';
    if (strlen(text) != length_bytes)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, offset_bytes,
                                "the name has a NUL in it");
    return VDISK_OK;
}

/* No protocol, no drive, no json:, no way to the root: a file relative to the image's folder. */
bool qcow2_name_is_plain(const char *name)
{
    if (name[0] == '\0' || name[0] == '/' || name[0] == '\\')
        return false;
    for (; *name != '\0'; name++) {
        if (*name == ':')
            return false;
    }
    return true;
}

/* QEMU's name of a format that has another name here. */
static const char *format_from_qemu(const char *name)
{
    return strcmp(name, "vpc") == 0 ? "vhd" : name;
}

const char *qcow2_format_to_qemu(const char *name)
{
    return strcmp(name, "vhd") == 0 ? "vpc" : name;
}

static enum vdisk_status read_backing_format(struct vdisk_image *image, bool required,
                                             struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    struct qcow2_extension extension;
    enum vdisk_status status = find_extension(image, QCOW2_EXT_BACKING_FORMAT, &extension, error);

    if (status != VDISK_OK)
        return status;
    if (extension.type == QCOW2_EXT_END)
        return !required ? VDISK_OK
                         : vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 backing file",
                                            QCOW2_AT_BACKING_OFFSET,
                                            "the image does not say which format its backing "
                                            "file has; rebase it to record that");
    status = read_text(image, extension.data_offset, extension.length_bytes, q->parent_format,
                       sizeof q->parent_format, "QCOW2 backing format", error);
    if (status != VDISK_OK)
        return status;
    image->parent_format = format_from_qemu(q->parent_format);
    return VDISK_OK;
}

static enum vdisk_status read_backing(struct vdisk_image *image, bool required, char *name,
                                      struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const uint64_t offset = vdisk_load_be64(q->header + QCOW2_AT_BACKING_OFFSET);
    const uint32_t length = vdisk_load_be32(q->header + QCOW2_AT_BACKING_LENGTH);
    enum vdisk_status status;

    if (offset == 0)
        return VDISK_OK;
    image->has_parent = true;
    if (length > QCOW2_NAME_BYTES_MAX || !vdisk_range_within(offset, length, q->cluster_bytes))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 backing file", offset,
                                "its name is too long or not in the header's cluster");
    status = read_text(image, offset, length, name, QCOW2_NAME_BYTES_MAX + 1, "QCOW2 backing file",
                       error);
    if (status == VDISK_OK && required && !qcow2_name_is_plain(name))
        status = vdisk_image_fail(image, error, VDISK_ACCESS, "QCOW2 backing file", offset,
                                  "its name is not that of a file relative to the image; rebase "
                                  "the image");
    if (status == VDISK_OK)
        status = vdisk_image_add_parent_name(image, VDISK_NAME_RELATIVE, name, error);
    if (status == VDISK_OK)
        status = read_backing_format(image, required, error);
    return status;
}

static enum vdisk_status open_data_file(struct vdisk_image *image, char *name,
                                        struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const struct vdisk_file_request request = {.role = VDISK_ROLE_DATA,
                                               .kind = VDISK_NAME_RELATIVE,
                                               .name = name,
                                               .referrer = image->file->name,
                                               .read_only = image->disk.read_only};
    struct qcow2_extension extension;
    struct vdisk_file *file;
    enum vdisk_status status = find_extension(image, QCOW2_EXT_DATA_FILE, &extension, error);

    if (status != VDISK_OK)
        return status;
    if (extension.type == QCOW2_EXT_END)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "QCOW2 data file", VDISK_NO_OFFSET,
                                "the image does not say the file's name");
    status = read_text(image, extension.data_offset, extension.length_bytes, name,
                       QCOW2_NAME_BYTES_MAX + 1, "QCOW2 data file", error);
    if (status != VDISK_OK)
        return status;
    if (!qcow2_name_is_plain(name))
        return vdisk_image_fail(image, error, VDISK_ACCESS, "QCOW2 data file",
                                extension.data_offset, "its name is not that of a plain file");
    status = vdisk_image_find_file(image, &request, "QCOW2 data file", &file, error);
    if (status == VDISK_OK)
        q->data_file = file;
    return status;
}

static enum vdisk_status read_bitmaps(struct vdisk_image *image, struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    unsigned char data[24];
    struct qcow2_extension extension;
    enum vdisk_status status = find_extension(image, QCOW2_EXT_BITMAPS, &extension, error);

    if (status != VDISK_OK || extension.type == QCOW2_EXT_END)
        return status;
    if (extension.length_bytes != sizeof data)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, "QCOW2 bitmaps extension",
                                extension.data_offset, "its length is wrong");
    status = vdisk_file_read(image->file, extension.data_offset, data, sizeof data, error);
    if (status != VDISK_OK)
        return status;
    q->bitmaps.count = vdisk_load_be32(data);
    q->bitmaps.directory_bytes = vdisk_load_be64(data + 8);
    q->bitmaps.directory_offset = vdisk_load_be64(data + 16);
    return VDISK_OK;
}

enum vdisk_status qcow2_extensions_open(struct vdisk_image *image,
                                        const struct vdisk_open_options *options,
                                        struct vdisk_error *error)
{
    struct qcow2 *q = qcow2_of(image);
    const bool chain = !options->without_parent && !options->for_check;
    char *name;
    enum vdisk_status status = check_features(image, error);

    if (status != VDISK_OK)
        return status;
    name = vdisk_alloc(QCOW2_NAME_BYTES_MAX + 1);
    if (name == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    q->data_file = image->file;
    status = read_backing(image, chain, name, error);
    if (status == VDISK_OK)
        status = read_bitmaps(image, error);
    if (status == VDISK_OK && q->external)
        status = open_data_file(image, name, error);
    if (status == VDISK_OK)
        status = vdisk_file_get_size(q->data_file, &q->data_bytes, error);
    vdisk_free(name);
    return status;
}
