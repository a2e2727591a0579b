/*
 * Reading the log ([MS-VHDX] 2.3): the active sequence is found and replayed into memory. The file
 * is not touched here, so that read-only files are read as they are meant.
 *
 * Every sector of the ring is examined once; what was learnt is kept in a table. An entry that is
 * valid has no other entry's first sector inside, so the work is bounded by the length of the log.
 */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/crc32c.h"
#include "engine/base/endian.h"

#define SECTOR_BYTES    VHDX_LOG_SECTOR_BYTES
#define LOG_BYTES_MAX   (16 * VHDX_MIB)
#define CHECKSUM_BUDGET 4u /* times the length of the log */

static const char log_name[] = "VHDX log";

/* One sector of the ring, as the first of an entry. */
struct ring_entry {
    uint64_t sequence;
    uint32_t sector_count; /* 0: no valid entry begins here */
    uint32_t tail_sector;
};

struct log_reader {
    struct vdisk_image *image;
    uint32_t sector_count; /* of the ring */
    uint64_t budget_bytes; /* still to be spent on checksums */
    struct ring_entry *ring;
    unsigned char *first;  /* an entry's first sector */
    unsigned char *sector; /* the one that is looked at */
    unsigned char *data;   /* a data sector during replay */
    uint64_t last_bytes;   /* LastFileOffset of the entry that is replayed */
};

/* An active sequence: which entry is the oldest to be replayed, and which is the newest. */
struct log_sequence {
    bool found;
    uint32_t tail_sector;
    uint32_t head_sector;
    uint64_t head_sequence;
};

static uint64_t ring_offset(const struct log_reader *reader, uint32_t sector)
{
    return vhdx_state_of(reader->image)->header.log_offset_bytes + (uint64_t)sector * SECTOR_BYTES;
}

static uint32_t ring_next(const struct log_reader *reader, uint32_t sector, uint32_t count)
{
    return (uint32_t)(((uint64_t)sector + count) % reader->sector_count);
}

static enum vdisk_status log_fail(struct log_reader *reader, struct vdisk_error *error,
                                  enum vdisk_status status, uint32_t sector, const char *reason)
{
    return vdisk_image_fail(reader->image, error, status, log_name, ring_offset(reader, sector),
                            reason);
}

static enum vdisk_status read_sector(struct log_reader *reader, uint32_t sector,
                                     unsigned char *data, struct vdisk_error *error)
{
    return vdisk_file_read(reader->image->file, ring_offset(reader, sector), data, SECTOR_BYTES,
                           error);
}

static uint32_t descriptor_sector_count(uint32_t descriptor_count)
{
    if (descriptor_count <= VHDX_LOG_FIRST_DESCRIPTORS)
        return 1;
    return 1 + (uint32_t)vdisk_div_up(descriptor_count - VHDX_LOG_FIRST_DESCRIPTORS,
                                      VHDX_LOG_DESCRIPTORS);
}

/* What the first sector alone must say; fills the ring's entry as if it were valid. */
static bool check_first_sector(struct log_reader *reader, const unsigned char *first,
                               struct ring_entry *entry)
{
    const struct vhdx_state *state = vhdx_state_of(reader->image);
    const uint32_t raw_length = vdisk_load_le32(first + VHDX_LOG_ENTRY_LENGTH);
    const uint32_t raw_tail = vdisk_load_le32(first + VHDX_LOG_TAIL);
    const uint32_t raw_count = vdisk_load_le32(first + VHDX_LOG_DESCRIPTOR_COUNT);

    entry->sequence = vdisk_load_le64(first + VHDX_LOG_SEQUENCE);
    entry->sector_count = raw_length / SECTOR_BYTES;
    entry->tail_sector = raw_tail / SECTOR_BYTES;
    return memcmp(first, "loge", 4) == 0 &&
           memcmp(first + VHDX_LOG_GUID, state->header.log_guid, VDISK_GUID_BYTES) == 0 &&
           vdisk_is_aligned(raw_length | raw_tail, SECTOR_BYTES) && raw_length != 0 &&
           entry->sector_count <= reader->sector_count &&
           entry->tail_sector < reader->sector_count && entry->sequence != 0 &&
           descriptor_sector_count(raw_count) <= entry->sector_count;
}

/* The descriptors in one sector; counts those that have a data sector. */
static bool check_descriptors(const unsigned char *sector, uint32_t first_byte, uint32_t count,
                              uint64_t sequence, uint32_t *data_count)
{
    for (uint32_t index = 0; index < count; index++) {
        const unsigned char *descriptor = sector + first_byte + index * VHDX_LOG_DESCRIPTOR_BYTES;

        if (vdisk_load_le64(descriptor + VHDX_LOG_DESCRIPTOR_SEQUENCE) != sequence ||
            !vdisk_is_aligned(vdisk_load_le64(descriptor + VHDX_LOG_DESCRIPTOR_OFFSET),
                              SECTOR_BYTES))
            return false;
        if (memcmp(descriptor, "desc", 4) == 0)
            (*data_count)++;
        else if (memcmp(descriptor, "zero", 4) != 0 ||
                 !vdisk_is_aligned(vdisk_load_le64(descriptor + VHDX_LOG_DESCRIPTOR_LEADING),
                                   SECTOR_BYTES))
            return false;
    }
    return true;
}

static bool check_data_sector(const unsigned char *sector, uint64_t sequence)
{
    return memcmp(sector, "data", 4) == 0 &&
           vdisk_load_le32(sector + VHDX_LOG_DATA_SEQUENCE_HIGH) == (uint32_t)(sequence >> 32) &&
           vdisk_load_le32(sector + VHDX_LOG_DATA_SEQUENCE_LOW) == (uint32_t)sequence;
}

/* One sector of an entry, the index-th; `left` descriptors are still to come. */
static bool check_entry_sector(const unsigned char *sector, uint32_t index,
                               uint32_t descriptor_sectors, uint64_t sequence, uint32_t *left,
                               uint32_t *data_count)
{
    const uint32_t first_byte = index == 0 ? VHDX_LOG_ENTRY_HEADER_BYTES : 0;
    uint32_t count;

    if (index < descriptor_sectors) {
        count = (uint32_t)vdisk_min_u64(*left, index == 0 ? VHDX_LOG_FIRST_DESCRIPTORS
                                                          : VHDX_LOG_DESCRIPTORS);
        *left -= count;
        return check_descriptors(sector, first_byte, count, sequence, data_count);
    }
    if (*data_count == 0) /* room that the entry does not use */
        return true;
    (*data_count)--;
    return check_data_sector(sector, sequence);
}

/* The sectors of an entry whose first one looks right. */
static enum vdisk_status check_entry_body(struct log_reader *reader, uint32_t start,
                                          const struct ring_entry *entry, bool *valid,
                                          struct vdisk_error *error)
{
    const uint32_t checksum = vdisk_load_le32(reader->first + VHDX_LOG_CHECKSUM);
    uint32_t left = vdisk_load_le32(reader->first + VHDX_LOG_DESCRIPTOR_COUNT);
    const uint32_t descriptor_sectors = descriptor_sector_count(left);
    uint32_t crc, data_count = 0;

    *valid = check_entry_sector(reader->first, 0, descriptor_sectors, entry->sequence, &left,
                                &data_count);
    vdisk_store_le32(reader->first + VHDX_LOG_CHECKSUM, 0);
    crc = vdisk_crc32c(0, reader->first, SECTOR_BYTES);
    for (uint32_t index = 1; index < entry->sector_count && *valid; index++) {
        enum vdisk_status status =
            read_sector(reader, ring_next(reader, start, index), reader->sector, error);

        if (status != VDISK_OK)
            return status;
        if (reader->budget_bytes < SECTOR_BYTES)
            return log_fail(reader, error, VDISK_CORRUPT, start,
                            "the entries of the log overlap each other");
        reader->budget_bytes -= SECTOR_BYTES;
        crc = vdisk_crc32c(crc, reader->sector, SECTOR_BYTES);
        *valid = check_entry_sector(reader->sector, index, descriptor_sectors, entry->sequence,
                                    &left, &data_count);
    }
    *valid = *valid && data_count == 0 && crc == checksum;
    return VDISK_OK;
}

static enum vdisk_status examine_ring(struct log_reader *reader, struct vdisk_error *error)
{
    enum vdisk_status status = VDISK_OK;

    for (uint32_t start = 0; start < reader->sector_count && status == VDISK_OK; start++) {
        struct ring_entry entry;
        bool valid = false;

        status = read_sector(reader, start, reader->first, error);
        if (status != VDISK_OK)
            return status;
        if (!check_first_sector(reader, reader->first, &entry))
            continue;
        status = check_entry_body(reader, start, &entry, &valid, error);
        if (valid)
            reader->ring[start] = entry;
    }
    return status;
}

/*
 * The longest chain of entries that begins at `start`: each follows the one before it on the ring
 * and in number. It is a sequence when its newest entry's tail is one of them.
 */
static void follow_chain(const struct log_reader *reader, uint32_t start,
                         struct log_sequence *chain, uint32_t *sectors)
{
    uint32_t sector = start;
    uint64_t expected = reader->ring[start].sequence;

    *sectors = 0;
    while (reader->ring[sector].sector_count != 0 && reader->ring[sector].sequence == expected &&
           reader->ring[sector].sector_count <= reader->sector_count - *sectors) {
        chain->head_sector = sector;
        chain->head_sequence = expected++;
        *sectors += reader->ring[sector].sector_count;
        sector = ring_next(reader, start, *sectors);
    }
    chain->found = false;
    if (*sectors == 0)
        return;
    chain->tail_sector = reader->ring[chain->head_sector].tail_sector;
    for (sector = start;; sector = ring_next(reader, sector, reader->ring[sector].sector_count)) {
        if (sector == chain->tail_sector)
            chain->found = true;
        if (sector == chain->head_sector)
            return;
    }
}

/* `active` comes in empty. */
static void find_active(const struct log_reader *reader, struct log_sequence *active)
{
    uint32_t start = 0;

    while (start < reader->sector_count) {
        struct log_sequence chain = {0};
        uint32_t sectors;

        follow_chain(reader, start, &chain, &sectors);
        if (chain.found && (!active->found || chain.head_sequence > active->head_sequence))
            *active = chain;
        start += chain.found ? sectors : 1;
    }
}

/* Where a descriptor may point: never at the headers or the log, nor past the announced end. */
static bool target_is_allowed(const struct log_reader *reader, uint64_t offset, uint64_t length)
{
    const struct vhdx_state *state = vhdx_state_of(reader->image);

    return offset >= VHDX_HEADERS_END && vdisk_range_within(offset, length, reader->last_bytes) &&
           !vdisk_ranges_overlap(offset, length, state->header.log_offset_bytes,
                                 state->header.log_length_bytes);
}

static enum vdisk_status replay_data(struct log_reader *reader, const unsigned char *descriptor,
                                     uint32_t data_sector, struct vdisk_error *error)
{
    const struct vhdx_state *state = vhdx_state_of(reader->image);
    enum vdisk_status status = read_sector(reader, data_sector, reader->data, error);

    if (status != VDISK_OK)
        return status;
    memcpy(reader->data, descriptor + VHDX_LOG_DESCRIPTOR_LEADING, 8);
    memcpy(reader->data + VHDX_LOG_DATA_SEQUENCE_LOW, descriptor + VHDX_LOG_DESCRIPTOR_TRAILING, 4);
    return vhdx_overlay_add(state->overlay,
                            vdisk_load_le64(descriptor + VHDX_LOG_DESCRIPTOR_OFFSET), SECTOR_BYTES,
                            reader->data, error);
}

static enum vdisk_status replay_descriptor(struct log_reader *reader, uint32_t entry_sector,
                                           const unsigned char *descriptor, uint32_t *data_sector,
                                           struct vdisk_error *error)
{
    const struct vhdx_state *state = vhdx_state_of(reader->image);
    const bool is_data = memcmp(descriptor, "desc", 4) == 0;
    const uint64_t offset = vdisk_load_le64(descriptor + VHDX_LOG_DESCRIPTOR_OFFSET);
    const uint64_t length =
        is_data ? SECTOR_BYTES : vdisk_load_le64(descriptor + VHDX_LOG_DESCRIPTOR_LEADING);

    if (!target_is_allowed(reader, offset, length))
        return log_fail(reader, error, VDISK_CORRUPT, entry_sector,
                        "an entry changes what the log may not change");
    if (!is_data)
        return length == 0 ? VDISK_OK
                           : vhdx_overlay_add(state->overlay, offset, length, NULL, error);
    *data_sector = ring_next(reader, *data_sector, 1);
    return replay_data(reader, descriptor, *data_sector, error);
}

static enum vdisk_status replay_entry(struct log_reader *reader, uint32_t start,
                                      struct vdisk_error *error)
{
    uint32_t count, data_sector, sector = start;
    enum vdisk_status status = read_sector(reader, start, reader->sector, error);

    if (status != VDISK_OK)
        return status;
    count = vdisk_load_le32(reader->sector + VHDX_LOG_DESCRIPTOR_COUNT);
    reader->last_bytes = vdisk_load_le64(reader->sector + VHDX_LOG_LAST_OFFSET);
    data_sector = ring_next(reader, start, descriptor_sector_count(count) - 1);
    for (uint32_t index = 0, slot = 2; index < count && status == VDISK_OK; index++, slot++) {
        if (slot == VHDX_LOG_DESCRIPTORS) {
            sector = ring_next(reader, sector, 1);
            slot = 0;
            status = read_sector(reader, sector, reader->sector, error);
        }
        if (status == VDISK_OK)
            status =
                replay_descriptor(reader, start, reader->sector + slot * VHDX_LOG_DESCRIPTOR_BYTES,
                                  &data_sector, error);
    }
    return status;
}

/* The file must still be as long as it was known to be; what it has to become is noted. */
static enum vdisk_status check_file_size(struct log_reader *reader, uint32_t head,
                                         struct vdisk_error *error)
{
    const struct vhdx_state *state = vhdx_state_of(reader->image);
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(reader->image->file, &size, error);

    if (status == VDISK_OK)
        status = read_sector(reader, head, reader->first, error);
    if (status != VDISK_OK)
        return status;
    if (vdisk_load_le64(reader->first + VHDX_LOG_FLUSHED_OFFSET) > size)
        return log_fail(reader, error, VDISK_CORRUPT, head,
                        "the file is shorter than the log says: it was truncated");
    if (vdisk_load_le64(reader->first + VHDX_LOG_LAST_OFFSET) > VHDX_FILE_BYTES_MAX)
        return log_fail(reader, error, VDISK_CORRUPT, head,
                        "the log asks for a larger file than any image needs");
    vhdx_overlay_set_size(state->overlay, vdisk_load_le64(reader->first + VHDX_LOG_LAST_OFFSET));
    return VDISK_OK;
}

static enum vdisk_status replay(struct log_reader *reader, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(reader->image);
    struct log_sequence active = {0};
    uint32_t sector;
    enum vdisk_status status = examine_ring(reader, error);

    if (status != VDISK_OK)
        return status;
    find_active(reader, &active);
    if (!active.found)
        return log_fail(reader, error, VDISK_CORRUPT, 0,
                        "the log is in use, but has no valid sequence of entries");
    status = vhdx_overlay_create(reader->image->file, &state->overlay, error);
    if (status == VDISK_OK)
        status = check_file_size(reader, active.head_sector, error);
    sector = active.tail_sector;
    while (status == VDISK_OK) {
        status = replay_entry(reader, sector, error);
        if (sector == active.head_sector)
            break;
        sector = ring_next(reader, sector, reader->ring[sector].sector_count);
    }
    if (status == VDISK_OK)
        state->file = vhdx_overlay_file(state->overlay);
    return status;
}

static enum vdisk_status check_log_area(struct vdisk_image *image, struct vdisk_error *error)
{
    const struct vhdx_header *header = &vhdx_state_of(image)->header;
    uint64_t size;
    enum vdisk_status status = vdisk_file_get_size(image->file, &size, error);

    if (status != VDISK_OK)
        return status;
    if (header->log_length_bytes == 0 ||
        !vdisk_range_within(header->log_offset_bytes, header->log_length_bytes, size))
        return vdisk_image_fail(image, error, VDISK_CORRUPT, log_name, header->log_offset_bytes,
                                "the log is in use, but does not lie in the file");
    if (header->log_length_bytes > LOG_BYTES_MAX)
        return vdisk_image_fail(image, error, VDISK_UNSUPPORTED, log_name, header->log_offset_bytes,
                                "a log of more than 16 MiB cannot be replayed");
    return VDISK_OK;
}

static void free_reader(struct log_reader *reader)
{
    vdisk_free(reader->ring);
    vdisk_free(reader->first);
    vdisk_free(reader->sector);
    vdisk_free(reader->data);
}

enum vdisk_status vhdx_log_load(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    struct log_reader reader = {.image = image};
    enum vdisk_status status;

    if (vdisk_guid_is_zero(state->header.log_guid))
        return VDISK_OK;
    state->was_dirty = true;
    status = check_log_area(image, error);
    if (status != VDISK_OK)
        return status;
    reader.sector_count = state->header.log_length_bytes / SECTOR_BYTES;
    reader.budget_bytes = (uint64_t)state->header.log_length_bytes * CHECKSUM_BUDGET;
    reader.ring = vdisk_alloc_array(reader.sector_count, sizeof *reader.ring);
    reader.first = vdisk_alloc(SECTOR_BYTES);
    reader.sector = vdisk_alloc(SECTOR_BYTES);
    reader.data = vdisk_alloc(SECTOR_BYTES);
    if (reader.ring == NULL || reader.first == NULL || reader.sector == NULL || reader.data == NULL)
        status = log_fail(&reader, error, VDISK_NO_MEMORY, 0, NULL);
    else
        status = replay(&reader, error);
    free_reader(&reader);
    return status;
}
