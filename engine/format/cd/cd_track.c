#include "engine/format/cd/cd_track.h"
#include "engine/base/text.h"

#define AHEAD_SECTORS 32u

struct piece {
    struct vdisk_file *file;
    uint64_t start_bytes;  /* in the disk */
    uint64_t length_bytes; /* in the disk */
    uint64_t offset_bytes; /* in the file */
    uint64_t stored_bytes; /* in the file, from there on */
};

struct cd_track {
    /* immutable after open */
    struct cd_layout layout;
    uint32_t piece_count;
    struct piece pieces[CD_PIECES_MAX];

    /* sectors as they are stored, read ahead: programs read a CD sector by sector */
    struct vdisk_mutex lock;
    unsigned char *ahead;         /* protected by lock; AHEAD_SECTORS; NULL: mapped as it is */
    const struct piece *ahead_of; /* protected by lock */
    uint64_t ahead_first;         /* protected by lock; sector in the piece */
    uint32_t ahead_count;         /* protected by lock */
};

static const struct cd_layout layouts[] = {
    {"MODE1/2048", CD_MODE1, 2048, 0},  {"MODE2/2048", CD_MODE2, 2048, 0},
    {"MODE2/2336", CD_MODE2, 2336, 8},  {"MODE1/2352", CD_MODE1, 2352, 16},
    {"MODE2/2352", CD_MODE2, 2352, 24}, {"MODE1/2448", CD_MODE1, 2448, 16},
    {"MODE2/2448", CD_MODE2, 2448, 24},
};

static struct cd_track *track_of(struct vdisk_image *image)
{
    return image->state;
}

static bool is_plain(const struct cd_track *track)
{
    return track->layout.stored_bytes == CD_SECTOR_BYTES;
}

bool cd_layout_find(enum cd_mode mode, uint32_t stored_bytes, struct cd_layout *layout)
{
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        if (layouts[i].mode == mode && layouts[i].stored_bytes == stored_bytes) {
            *layout = layouts[i];
            return true;
        }
    }
    return false;
}

enum vdisk_status cd_track_begin(struct vdisk_image *image, const struct cd_layout *layout,
                                 struct vdisk_error *error)
{
    struct cd_track *track = vdisk_alloc(sizeof *track);

    if (track == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    image->state = track;
    vdisk_mutex_init(&track->lock);
    track->layout = *layout;
    if (!is_plain(track)) {
        track->ahead = vdisk_alloc_array(AHEAD_SECTORS, layout->stored_bytes);
        if (track->ahead == NULL)
            return vdisk_image_fail(image, error, VDISK_NO_MEMORY, NULL, VDISK_NO_OFFSET, NULL);
    }
    image->disk.logical_sector_bytes = CD_SECTOR_BYTES;
    image->disk.physical_sector_bytes = CD_SECTOR_BYTES;
    image->disk.optical = true;
    image->disk.read_only = true;
    image->in_place = true;
    return VDISK_OK;
}

/* What a piece of a file, of a size that was measured, gives to the disk. */
static enum vdisk_status measure(struct vdisk_image *image, const struct vdisk_file *file,
                                 uint64_t file_bytes, struct piece *piece,
                                 struct vdisk_error *error)
{
    const struct cd_track *track = track_of(image);
    const uint32_t stored = track->layout.stored_bytes;
    uint64_t sectors, end;

    if (piece->stored_bytes == CD_TO_END && piece->offset_bytes <= file_bytes)
        piece->stored_bytes = file_bytes - piece->offset_bytes;
    if (!vdisk_range_within(piece->offset_bytes, piece->stored_bytes, file_bytes))
        return vdisk_fail(error, VDISK_CORRUPT, file->name, "CD track", piece->offset_bytes,
                          "it reaches beyond the end of its file");
    sectors =
        is_plain(track) ? vdisk_div_up(piece->stored_bytes, stored) : piece->stored_bytes / stored;
    if (sectors == 0)
        return vdisk_fail(error, VDISK_CORRUPT, file->name, "CD track", piece->offset_bytes,
                          "it has no sectors");
    piece->start_bytes = image->disk.size_bytes;
    if (!vdisk_mul_u64(sectors, CD_SECTOR_BYTES, &piece->length_bytes) ||
        !vdisk_add_u64(piece->start_bytes, piece->length_bytes, &end) || end > INT64_MAX)
        return vdisk_fail(error, VDISK_CORRUPT, file->name, "CD track", piece->offset_bytes,
                          "it is larger than any disk");
    return VDISK_OK;
}

enum vdisk_status cd_track_append(struct vdisk_image *image, struct vdisk_file *file,
                                  uint64_t offset_bytes, uint64_t length_bytes,
                                  struct vdisk_error *error)
{
    struct cd_track *track = track_of(image);
    struct piece piece = {.file = file, .offset_bytes = offset_bytes, .stored_bytes = length_bytes};
    uint64_t file_bytes;
    enum vdisk_status status;

    if (track->piece_count == CD_PIECES_MAX)
        status = vdisk_image_fail(image, error, VDISK_UNSUPPORTED, "CD track", VDISK_NO_OFFSET,
                                  "it lies in more than 64 files");
    else
        status = vdisk_file_get_size(file, &file_bytes, error);
    if (status == VDISK_OK)
        status = measure(image, file, file_bytes, &piece, error);
    if (status != VDISK_OK) {
        if (file != image->file)
            vdisk_file_close(file);
        return status;
    }
    track->pieces[track->piece_count++] = piece;
    image->disk.size_bytes += piece.length_bytes;
    return VDISK_OK;
}

enum vdisk_status cd_track_find_file(struct vdisk_image *image, const char *name,
                                     const char *structure, struct vdisk_file **file,
                                     struct vdisk_error *error)
{
    const struct vdisk_file_request request = {
        .role = VDISK_ROLE_EXTENT,
        .kind = VDISK_NAME_RELATIVE,
        .name = name,
        .referrer = image->file->name,
        .read_only = true,
    };

    if (strlen(name) >= VDISK_NAME_BYTES || !vdisk_name_is_plain(name))
        return vdisk_image_fail(image, error, VDISK_ACCESS, structure, VDISK_NO_OFFSET,
                                "a track is not in a file in the folder of the image");
    return vdisk_image_find_file(image, &request, structure, file, error);
}

void cd_track_close(struct vdisk_image *image)
{
    struct cd_track *track = track_of(image);

    if (track == NULL)
        return;
    for (uint32_t i = 0; i < track->piece_count; i++) {
        if (track->pieces[i].file != image->file)
            vdisk_file_close(track->pieces[i].file);
    }
    vdisk_free(track->ahead);
    vdisk_mutex_deinit(&track->lock);
    vdisk_free(track);
}

static const struct piece *piece_at(const struct cd_track *track, uint64_t offset_bytes)
{
    uint32_t index = track->piece_count - 1;

    while (track->pieces[index].start_bytes > offset_bytes)
        index--;
    return &track->pieces[index];
}

/* The last sector may be cut short by the end of the file, anywhere. */
static void map_plain(const struct piece *piece, uint64_t within_bytes, struct vdisk_extent *extent)
{
    const uint64_t whole = vdisk_align_down(piece->stored_bytes, VDISK_SECTOR_BYTES);

    if (within_bytes < whole) {
        extent->kind = VDISK_EXTENT_DATA;
        extent->length_bytes = vdisk_min_u64(extent->length_bytes, whole - within_bytes);
        extent->file = piece->file;
        extent->file_offset_bytes = piece->offset_bytes + within_bytes;
    } else if (within_bytes < piece->stored_bytes) {
        extent->kind = VDISK_EXTENT_COMPRESSED;
        extent->length_bytes = VDISK_SECTOR_BYTES;
    } else {
        extent->kind = VDISK_EXTENT_ZERO;
    }
}

enum vdisk_status cd_track_map(struct vdisk_image *image, uint64_t offset_bytes,
                               uint64_t length_bytes, struct vdisk_extent *extent,
                               struct vdisk_error *error)
{
    const struct cd_track *track = track_of(image);
    const struct piece *piece = piece_at(track, offset_bytes);
    const uint64_t within = offset_bytes - piece->start_bytes;

    (void)error;
    extent->length_bytes = vdisk_min_u64(length_bytes, piece->length_bytes - within);
    if (is_plain(track))
        map_plain(piece, within, extent);
    else
        extent->kind = VDISK_EXTENT_COMPRESSED;
    return VDISK_OK;
}

/* Under the lock: makes `ahead` hold the sector, and what follows it as far as that can be read. */
static enum vdisk_status load_ahead(struct cd_track *track, const struct piece *piece,
                                    uint64_t sector, struct vdisk_error *error)
{
    const uint32_t stored = track->layout.stored_bytes;
    const uint64_t left = piece->length_bytes / CD_SECTOR_BYTES - sector;
    const uint64_t offset = piece->offset_bytes + sector * stored;
    uint32_t count = (uint32_t)vdisk_min_u64(left, AHEAD_SECTORS);
    enum vdisk_status status;

    if (track->ahead_of == piece && sector >= track->ahead_first &&
        sector - track->ahead_first < track->ahead_count)
        return VDISK_OK;
    track->ahead_of = NULL;
    status = vdisk_file_read(piece->file, offset, track->ahead, (size_t)count * stored, error);
    if (status != VDISK_OK && count > 1) { /* a bad sector spoils no other */
        count = 1;
        status = vdisk_file_read(piece->file, offset, track->ahead, stored, error);
    }
    if (status != VDISK_OK)
        return status;
    track->ahead_of = piece;
    track->ahead_first = sector;
    track->ahead_count = count;
    return VDISK_OK;
}

static enum vdisk_status read_cooked(struct cd_track *track, const struct piece *piece,
                                     uint64_t within_bytes, unsigned char *buffer,
                                     size_t length_bytes, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    vdisk_mutex_lock(&track->lock);
    while (length_bytes != 0) {
        const uint64_t sector = within_bytes / CD_SECTOR_BYTES;
        const size_t in_sector = (size_t)(within_bytes % CD_SECTOR_BYTES);
        const size_t count = vdisk_min_size(length_bytes, CD_SECTOR_BYTES - in_sector);
        const unsigned char *from;

        status = load_ahead(track, piece, sector, error);
        if (status != VDISK_OK)
            break;
        from = track->ahead + (size_t)(sector - track->ahead_first) * track->layout.stored_bytes;
        memcpy(buffer, from + track->layout.data_offset + in_sector, count);
        buffer += count;
        within_bytes += count;
        length_bytes -= count;
    }
    vdisk_mutex_unlock(&track->lock);
    return status;
}

enum vdisk_status cd_track_read(struct vdisk_image *image, uint64_t offset_bytes, void *buffer,
                                size_t length_bytes, struct vdisk_error *error)
{
    struct cd_track *track = track_of(image);
    const struct piece *piece = piece_at(track, offset_bytes);
    const uint64_t within = offset_bytes - piece->start_bytes;

    if (!is_plain(track))
        return read_cooked(track, piece, within, buffer, length_bytes, error);
    memset(buffer, 0, length_bytes); /* the file ends inside of this piece of a sector */
    return vdisk_file_read(piece->file, piece->offset_bytes + within, buffer,
                           (size_t)vdisk_min_u64(length_bytes, piece->stored_bytes - within),
                           error);
}

enum vdisk_status cd_track_flush(struct vdisk_image *image, struct vdisk_error *error)
{
    (void)image;
    (void)error;
    return VDISK_OK;
}

void cd_track_get_info(struct vdisk_image *image, struct vdisk_image_info *info)
{
    const struct cd_track *track = track_of(image);
    const char *name = track->layout.name;
    uint64_t total = 0, bytes;

    if (is_plain(track) && track->pieces[0].file == image->file && image->format->is_view)
        return; /* an iso: its layout says nothing more */
    memcpy(info->subformat, name, strlen(name) + 1);
    for (uint32_t i = 0; i < track->piece_count; i++) {
        if (track->pieces[i].file != image->file &&
            vdisk_file_get_allocated(track->pieces[i].file, &bytes, NULL) == VDISK_OK &&
            !vdisk_add_u64(total, bytes, &total))
            return;
    }
    if (vdisk_file_get_allocated(image->file, &bytes, NULL) == VDISK_OK &&
        vdisk_add_u64(total, bytes, &total))
        info->allocated_bytes = total;
}
