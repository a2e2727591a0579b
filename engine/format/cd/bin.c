#include "engine/format/cd/cd_format.h"
#include "engine/format/cd/cd_track.h"

#define SYNC_BYTES 12u
#define MODE_AT    15u /* behind the sync pattern and the address */

static const unsigned char sync[SYNC_BYTES] = {0,    0xff, 0xff, 0xff, 0xff, 0xff,
                                               0xff, 0xff, 0xff, 0xff, 0xff, 0};
static const char structure[] = "CD sector";

static bool is_sector(const unsigned char *bytes)
{
    return memcmp(bytes, sync, SYNC_BYTES) == 0;
}

static bool bin_probe(const struct vdisk_probe *probe)
{
    return probe->file_bytes >= CD_RAW_SECTOR_BYTES && is_sector(probe->head) &&
           (probe->head[MODE_AT] == 1 || probe->head[MODE_AT] == 2);
}

/* The second sector tells whether the first has its subchannel behind it. */
static enum vdisk_status find_layout(struct vdisk_image *image, struct cd_layout *layout,
                                     struct vdisk_error *error)
{
    const uint64_t second = CD_RAW_SECTOR_BYTES + CD_SUBCHANNEL_BYTES;
    unsigned char head[MODE_AT + 1], next[SYNC_BYTES] = {0};
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    if (size < CD_RAW_SECTOR_BYTES)
        return vdisk_image_fail(image, error, VDISK_WRONG_FORMAT, structure, 0,
                                "the file is shorter than one");
    status = vdisk_file_read(image->file, 0, head, sizeof head, error);
    if (status == VDISK_OK && !is_sector(head))
        return vdisk_image_fail(image, error, VDISK_WRONG_FORMAT, structure, 0,
                                "the file does not begin with the sync pattern");
    if (status == VDISK_OK && vdisk_range_within(second, sizeof next, size))
        status = vdisk_file_read(image->file, second, next, sizeof next, error);
    if (status != VDISK_OK)
        return status;
    if ((head[MODE_AT] != 1 && head[MODE_AT] != 2) ||
        !cd_layout_find(head[MODE_AT] == 1 ? CD_MODE1 : CD_MODE2,
                        is_sector(next) ? (uint32_t)second : CD_RAW_SECTOR_BYTES, layout))
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, MODE_AT,
                                "it is neither of mode 1 nor of mode 2");
    return VDISK_OK;
}

static enum vdisk_status bin_open(struct vdisk_image *image,
                                  const struct vdisk_open_options *options,
                                  struct vdisk_error *error)
{
    struct cd_layout layout;
    enum vdisk_status status = find_layout(image, &layout, error);

    (void)options;
    if (status == VDISK_OK)
        status = cd_track_begin(image, &layout, error);
    if (status == VDISK_OK)
        status = cd_track_append(image, image->file, 0, CD_TO_END, error);
    return status;
}

const struct vdisk_format vdisk_format_bin = {
    .name = "bin",
    .description = "a CD in raw sectors (bin, img, mdf without a description)",
    .is_view = true,
    .probe = bin_probe,
    .open = bin_open,
    CD_TRACK_OPS,
};
