#include "engine/probe.h"

#define RECOGNITION_OFFSET UINT64_C(32768)
#define ANCHOR_OFFSET      UINT64_C(524288)

/* Formats that are known by sight only: never to be taken for raw. */
static const struct {
    const char *reason;
    uint32_t offset;
    const char *magic;
    uint32_t magic_bytes;
} foreign_formats[] = {
    {"the file is a QED image, which is not supported", 0, "QED\0", 4},
    {"the file is a QCOW1 image, which is not supported", 0, "QFI\xfb\0\0\0\1", 8},
    {"the file is a Parallels image, which is not supported", 0, "WithoutFreeSpace", 16},
    {"the file is a Parallels image, which is not supported", 0, "WithouFreSpacExt", 16},
    {"the file is a Bochs image, which is not supported", 0, "Bochs Virtual HD Image", 22},
    {"the file is a cloop image, which is not supported", 0, "#!/bin/sh\n#V2.0 Format\n", 23},
    {"the file is an Expert Witness (E01) image, which is not supported", 0,
     "EVF\x09\x0d\x0a\xff\0", 8},
    {"the file is an Expert Witness (Ex01) image, which is not supported", 0, "EVF2\x0d\x0a\x81\0",
     8},
    {"the file is an AFF image, which is not supported", 0, "AFF10\x0d\x0a\0", 8},
    {"the file is a Windows imaging (WIM) archive, not a disk", 0, "MSWIM\0\0\0", 8},
};
static const char dmg_magic[] = {'k', 'o', 'l', 'y', 0, 0, 0, 4};

static bool same_name(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static const struct vdisk_format *find_format(const char *name)
{
    for (uint32_t index = 0; vdisk_formats[index] != NULL; index++) {
        if (same_name(vdisk_formats[index]->name, name))
            return vdisk_formats[index];
    }
    return NULL;
}

static const char *foreign_reason(const struct vdisk_probe *probe)
{
    for (uint32_t i = 0; i < sizeof foreign_formats / sizeof foreign_formats[0]; i++) {
        if (memcmp(probe->head + foreign_formats[i].offset, foreign_formats[i].magic,
                   foreign_formats[i].magic_bytes) == 0)
            return foreign_formats[i].reason;
    }
    if (memcmp(probe->tail, dmg_magic, sizeof dmg_magic) == 0)
        return "the file is an Apple disk image (dmg), which is not supported";
    return NULL;
}

/*
 * Views or all other formats; NULL when none of them claims the file. `*others`: how many beside
 * the first one claim it.
 */
static const struct vdisk_format *claiming_format(const struct vdisk_probe *probe, bool views,
                                                  uint32_t *others)
{
    const struct vdisk_format *first = NULL;

    *others = 0;
    for (uint32_t index = 0; vdisk_formats[index] != NULL; index++) {
        if (vdisk_formats[index]->is_view != views || vdisk_formats[index]->probe == NULL ||
            !vdisk_formats[index]->probe(probe))
            continue;
        if (first == NULL)
            first = vdisk_formats[index];
        else
            ++*others;
    }
    return first;
}

/* As far as the file reaches. */
static enum vdisk_status read_place(struct vdisk_file *file, uint64_t file_bytes,
                                    uint64_t offset_bytes, unsigned char *bytes, size_t count,
                                    struct vdisk_error *error)
{
    if (offset_bytes >= file_bytes)
        return VDISK_OK;
    return vdisk_file_read(file, offset_bytes, bytes,
                           (size_t)vdisk_min_u64(count, file_bytes - offset_bytes), error);
}

/* Both ends of a file that has, or is to have, this size. */
static enum vdisk_status read_ends(struct vdisk_file *file, uint64_t size,
                                   struct vdisk_probe *probe, struct vdisk_error *error)
{
    const uint64_t tail = vdisk_min_u64(size, VDISK_SECTOR_BYTES);
    enum vdisk_status status;

    memset(probe, 0, sizeof *probe);
    probe->file_bytes = size;
    probe->head_bytes = (uint32_t)vdisk_min_u64(size, VDISK_PROBE_BYTES);
    status = vdisk_file_read(file, 0, probe->head, probe->head_bytes, error);
    if (status != VDISK_OK)
        return status;
    return vdisk_file_read(file, size - tail, probe->tail, (size_t)tail, error);
}

static enum vdisk_status read_probe(struct vdisk_file *file, struct vdisk_probe *probe,
                                    struct vdisk_error *error)
{
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(file, &size, error);

    return status == VDISK_OK ? read_ends(file, size, probe, error) : status;
}

/* What views need beyond that. */
static enum vdisk_status read_places(struct vdisk_file *file, struct vdisk_probe *probe,
                                     struct vdisk_error *error)
{
    enum vdisk_status status = read_place(file, probe->file_bytes, RECOGNITION_OFFSET,
                                          probe->recognition, sizeof probe->recognition, error);

    if (status != VDISK_OK)
        return status;
    return read_place(file, probe->file_bytes, ANCHOR_OFFSET, probe->anchor, sizeof probe->anchor,
                      error);
}

static enum vdisk_status choose_by_probe(struct vdisk_file *file, struct vdisk_probe *probe,
                                         const struct vdisk_format **format,
                                         struct vdisk_error *error)
{
    const char *foreign;
    uint32_t others;
    enum vdisk_status status = read_probe(file, probe, error);

    if (status != VDISK_OK)
        return status;
    *format = claiming_format(probe, false, &others);
    /* A guest may have written one of the marks: it is not for us to guess which. */
    if (others != 0)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                          "the file bears the marks of two formats; name the one that it has");
    if (*format != NULL)
        return VDISK_OK;
    foreign = foreign_reason(probe);
    if (foreign != NULL)
        return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, 0, foreign);
    status = read_places(file, probe, error);
    if (status != VDISK_OK)
        return status;
    *format = claiming_format(probe, true, &others);
    if (*format == NULL)
        *format = find_format("raw");
    return VDISK_OK;
}

enum vdisk_status vdisk_probe_choose(struct vdisk_file *file, const char *name,
                                     const struct vdisk_format **format, struct vdisk_error *error)
{
    struct vdisk_probe *probe;
    enum vdisk_status status;

    if (name != NULL) {
        *format = find_format(name);
        if (*format == NULL)
            return vdisk_fail(error, VDISK_UNSUPPORTED, file->name, NULL, VDISK_NO_OFFSET,
                              "no format has the name that was given");
        return VDISK_OK;
    }
    probe = vdisk_alloc(sizeof *probe);
    if (probe == NULL)
        return vdisk_fail(error, VDISK_NO_MEMORY, file->name, NULL, VDISK_NO_OFFSET, NULL);
    status = choose_by_probe(file, probe, format, error);
    vdisk_free(probe);
    return status;
}

/* Copies the part of a write that falls into a window of the disk. */
static void overlay_window(unsigned char *window, uint64_t window_offset, uint64_t window_bytes,
                           uint64_t offset_bytes, const unsigned char *buffer, size_t length_bytes)
{
    const uint64_t from = vdisk_max_u64(window_offset, offset_bytes);
    const uint64_t to = vdisk_min_u64(window_offset + window_bytes, offset_bytes + length_bytes);

    if (from < to)
        memcpy(window + (from - window_offset), buffer + (from - offset_bytes),
               (size_t)(to - from));
}

static enum vdisk_status judge_probe(struct vdisk_image *image, const struct vdisk_probe *probe,
                                     uint64_t offset_bytes, struct vdisk_error *error)
{
    uint32_t others;

    if (claiming_format(probe, false, &others) == NULL && foreign_reason(probe) == NULL)
        return VDISK_OK;
    return vdisk_image_fail(image, error, VDISK_ACCESS, NULL, offset_bytes,
                            "this would turn the raw disk into an image of another format; name "
                            "the format raw to allow it");
}

static enum vdisk_status guard_with_probe(struct vdisk_image *image, struct vdisk_probe *probe,
                                          uint64_t offset_bytes, const void *buffer,
                                          size_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = read_probe(image->file, probe, error);

    if (status != VDISK_OK)
        return status;
    overlay_window(probe->head, 0, probe->head_bytes, offset_bytes, buffer, length_bytes);
    overlay_window(probe->tail, image->disk.size_bytes - VDISK_SECTOR_BYTES, VDISK_SECTOR_BYTES,
                   offset_bytes, buffer, length_bytes);
    return judge_probe(image, probe, offset_bytes, error);
}

enum vdisk_status vdisk_probe_guard(struct vdisk_image *image, uint64_t offset_bytes,
                                    const void *buffer, size_t length_bytes,
                                    struct vdisk_error *error)
{
    struct vdisk_probe *probe;
    enum vdisk_status status;

    if (offset_bytes >= VDISK_PROBE_BYTES &&
        offset_bytes + length_bytes <= image->disk.size_bytes - VDISK_SECTOR_BYTES)
        return VDISK_OK;
    probe = vdisk_alloc(sizeof *probe);
    if (probe == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, offset_bytes, NULL);
    status = guard_with_probe(image, probe, offset_bytes, buffer, length_bytes, error);
    vdisk_free(probe);
    return status;
}

enum vdisk_status vdisk_probe_guard_size(struct vdisk_image *image, uint64_t size_bytes,
                                         struct vdisk_error *error)
{
    struct vdisk_probe *probe = vdisk_alloc(sizeof *probe);
    enum vdisk_status status;

    if (probe == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, size_bytes, NULL);
    status = read_ends(image->file, size_bytes, probe, error);
    if (status == VDISK_OK)
        status = judge_probe(image, probe, size_bytes, error);
    vdisk_free(probe);
    return status;
}

const char *vdisk_format_name(uint32_t index, const char **description)
{
    for (uint32_t i = 0; vdisk_formats[i] != NULL; i++) {
        if (i == index) {
            *description = vdisk_formats[i]->description;
            return vdisk_formats[i]->name;
        }
    }
    return NULL;
}

uint32_t vdisk_format_capabilities(const char *name)
{
    const struct vdisk_format *format = find_format(name);

    return format == NULL ? 0 : format->capabilities;
}
