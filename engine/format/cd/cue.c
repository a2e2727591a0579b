#include "engine/format/cd/cd_format.h"
#include "engine/format/cd/cue_sheet.h"

static const char structure[] = "cue sheet";

/* Larger files, which may well be disks, never are cue sheets, whatever they begin with. */
static bool cue_probe(const struct vdisk_probe *probe)
{
    return probe->file_bytes <= CUE_TEXT_BYTES_MAX &&
           cue_sheet_probe(probe->head, probe->head_bytes);
}

static enum vdisk_status load_sheet(struct vdisk_image *image, struct cue_sheet **sheet,
                                    struct vdisk_error *error)
{
    uint64_t size;
    char *text;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    if (size > CUE_TEXT_BYTES_MAX)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, VDISK_NO_OFFSET,
                                "it is larger than 64 KiB");
    text = vdisk_alloc((size_t)size + 1);
    if (text == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, structure, VDISK_NO_OFFSET, NULL);
    status = vdisk_file_read(image->file, 0, text, (size_t)size, error);
    if (status == VDISK_OK)
        status = cue_sheet_parse(text, (uint32_t)size, image->file->name, sheet, error);
    vdisk_free(text);
    return status;
}

static enum vdisk_status choose_track(struct vdisk_image *image, const struct cue_sheet *sheet,
                                      const struct cue_track **chosen, struct vdisk_error *error)
{
    *chosen = NULL;
    for (uint32_t i = 0; i < sheet->track_count; i++) {
        const struct cue_track *track = &sheet->tracks[i];

        if (track->mode == CD_AUDIO)
            continue;
        if (*chosen != NULL)
            return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, track->line_offset,
                                    "the disc has more than one track of data");
        *chosen = track;
    }
    if (*chosen == NULL)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, VDISK_NO_OFFSET,
                                "the disc has no track of data");
    if ((*chosen)->data_frame == CUE_NO_FRAME)
        return vdisk_image_fail(image, error, VDISK_CORRUPT, structure, (*chosen)->line_offset,
                                "the track of data has no index 1");
    if (!(*chosen)->binary)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, (*chosen)->line_offset,
                                "the track of data is in a file that is not BINARY");
    return VDISK_OK;
}

static enum vdisk_status open_track(struct vdisk_image *image, const struct cue_sheet *sheet,
                                    struct vdisk_error *error)
{
    const struct cue_track *track;
    struct cd_layout layout;
    struct vdisk_file *file;
    uint64_t offset, length;
    enum vdisk_status status = choose_track(image, sheet, &track, error);

    if (status != VDISK_OK)
        return status;
    if (!cd_layout_find(track->mode, track->sector_bytes, &layout))
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, structure, track->line_offset,
                                "sectors of this kind do not hold 2048 bytes");
    cue_sheet_place(sheet, track, &offset, &length);
    status = cd_track_begin(image, &layout, error);
    if (status == VDISK_OK)
        status = cd_track_find_file(image, track->file_name, structure, &file, error);
    return status == VDISK_OK ? cd_track_append(image, file, offset, length, error) : status;
}

static enum vdisk_status cue_open(struct vdisk_image *image,
                                  const struct vdisk_open_options *options,
                                  struct vdisk_error *error)
{
    struct cue_sheet *sheet;
    enum vdisk_status status = load_sheet(image, &sheet, error);

    (void)options;
    if (status != VDISK_OK)
        return status;
    status = open_track(image, sheet, error);
    cue_sheet_free(sheet);
    return status;
}

const struct vdisk_format vdisk_format_cue = {
    .name = "cue",
    .description = "a CD as a cue sheet, with its tracks in files beside it",
    .probe = cue_probe,
    .open = cue_open,
    CD_TRACK_OPS,
};
