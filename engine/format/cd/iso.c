#include "engine/format/cd/iso.h"
#include "engine/base/checked.h"
#include "engine/base/endian.h"

#define CD_SECTOR_BYTES    2048u
#define ANCHOR_TAG         2u
#define MBR_ENTRIES_OFFSET 446u

struct iso {
    uint64_t file_bytes; /* immutable after open */
};

static struct iso *state_of(struct vdisk_image *image)
{
    return image->state;
}

static const unsigned char *identifier_of(const struct vdisk_probe *probe, uint32_t index)
{
    return probe->recognition + (size_t)index * CD_SECTOR_BYTES + 1;
}

/* A disk that once carried a CD image, and was given partitions since, has the old marks still. */
static bool is_former(const struct vdisk_probe *probe)
{
    const uint64_t volume_bytes =
        (uint64_t)vdisk_load_le32(probe->recognition + 80) * CD_SECTOR_BYTES;
    const unsigned char *entries = probe->head + MBR_ENTRIES_OFFSET;

    if (probe->head[510] != 0x55 || probe->head[511] != 0xaa || vdisk_load_le32(entries + 12) == 0)
        return false;
    return volume_bytes > probe->file_bytes || volume_bytes < probe->file_bytes / 2;
}

/* UDF is on hard disks, too, with sectors of theirs: on a CD the anchor is at sector 256. */
static bool is_udf(const struct vdisk_probe *probe)
{
    for (uint32_t i = 0; i < 3; i++) {
        if (memcmp(identifier_of(probe, i), "NSR0", 4) == 0)
            return vdisk_load_le16(probe->anchor) == ANCHOR_TAG &&
                   vdisk_load_le32(probe->anchor + 12) == 256;
    }
    return false;
}

static bool iso_probe(const struct vdisk_probe *probe)
{
    if (memcmp(identifier_of(probe, 0), "CD001", 5) == 0)
        return !is_former(probe);
    return memcmp(identifier_of(probe, 0), "BEA01", 5) == 0 && is_udf(probe);
}

static enum vdisk_status iso_open(struct vdisk_image *image,
                                  const struct vdisk_open_options *options,
                                  struct vdisk_error *error)
{
    struct iso *iso = vdisk_alloc(sizeof *iso);
    enum vdisk_status status;

    (void)options;
    image->state = iso;
    if (iso == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    status = vdisk_file_get_size(image->file, &iso->file_bytes, error);
    if (status != VDISK_OK)
        return status;
    if (iso->file_bytes == 0 || iso->file_bytes > INT64_MAX - CD_SECTOR_BYTES)
        return vdisk_image_fail(image, error, VDISK_INVALID, "CD", VDISK_NO_OFFSET,
                                "the file is empty, or too large");
    image->disk.size_bytes = vdisk_div_up(iso->file_bytes, CD_SECTOR_BYTES) * CD_SECTOR_BYTES;
    image->disk.logical_sector_bytes = CD_SECTOR_BYTES;
    image->disk.physical_sector_bytes = CD_SECTOR_BYTES;
    image->disk.optical = true;
    image->disk.read_only = true;
    image->in_place = true;
    return VDISK_OK;
}

static void iso_close(struct vdisk_image *image)
{
    vdisk_free(image->state);
}

/* The last sector is padded with zeros; the file may end anywhere in it. */
static enum vdisk_status iso_map(struct vdisk_image *image, uint64_t offset_bytes,
                                 uint64_t length_bytes, struct vdisk_extent *extent,
                                 struct vdisk_error *error)
{
    const uint64_t file_bytes = state_of(image)->file_bytes;
    const uint64_t whole = vdisk_align_down(file_bytes, VDISK_SECTOR_BYTES);

    (void)error;
    extent->length_bytes = length_bytes;
    if (offset_bytes < whole) {
        extent->kind = VDISK_EXTENT_DATA;
        extent->length_bytes = vdisk_min_u64(length_bytes, whole - offset_bytes);
        extent->file = image->file;
        extent->file_offset_bytes = offset_bytes;
    } else if (offset_bytes < file_bytes) {
        extent->kind = VDISK_EXTENT_COMPRESSED;
        extent->length_bytes = VDISK_SECTOR_BYTES;
    } else {
        extent->kind = VDISK_EXTENT_ZERO;
    }
    return VDISK_OK;
}

/* The piece in which the file ends. */
static enum vdisk_status iso_read_compressed(struct vdisk_image *image, uint64_t offset_bytes,
                                             void *buffer, size_t length_bytes,
                                             struct vdisk_error *error)
{
    const size_t stored =
        (size_t)vdisk_min_u64(length_bytes, state_of(image)->file_bytes - offset_bytes);

    memset(buffer, 0, length_bytes);
    return vdisk_file_read(image->file, offset_bytes, buffer, stored, error);
}

static enum vdisk_status iso_flush(struct vdisk_image *image, struct vdisk_error *error)
{
    (void)image;
    (void)error;
    return VDISK_OK;
}

const struct vdisk_format vdisk_format_iso = {
    .name = "iso",
    .description = "a CD or DVD, ISO 9660 or UDF; read-only",
    .is_view = true,
    .probe = iso_probe,
    .open = iso_open,
    .close = iso_close,
    .map = iso_map,
    .read_compressed = iso_read_compressed,
    .flush = iso_flush,
};
