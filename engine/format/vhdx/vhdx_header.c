/* The two headers ([MS-VHDX] 2.2.2): which one counts, and how they are replaced. */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/crc32c.h"
#include "engine/base/endian.h"

static const char *const header_names[VHDX_HEADER_COUNT] = {"VHDX header 1", "VHDX header 2"};

static enum vdisk_status header_fail(struct vdisk_image *image, struct vdisk_error *error,
                                     enum vdisk_status status, uint32_t slot, const char *reason)
{
    return vdisk_image_fail(image, error, status, header_names[slot], VHDX_HEADER_OFFSET(slot),
                            reason);
}

static uint32_t header_checksum(unsigned char *sector)
{
    const uint32_t stored = vdisk_load_le32(sector + VHDX_HEADER_CHECKSUM);
    uint32_t checksum;

    vdisk_store_le32(sector + VHDX_HEADER_CHECKSUM, 0);
    checksum = vdisk_crc32c(0, sector, VHDX_HEADER_BYTES);
    vdisk_store_le32(sector + VHDX_HEADER_CHECKSUM, stored);
    return checksum;
}

static void header_decode(const unsigned char *sector, struct vhdx_header *header)
{
    header->sequence = vdisk_load_le64(sector + VHDX_HEADER_SEQUENCE);
    memcpy(header->file_write_guid, sector + VHDX_HEADER_FILE_WRITE_GUID, VDISK_GUID_BYTES);
    memcpy(header->data_write_guid, sector + VHDX_HEADER_DATA_WRITE_GUID, VDISK_GUID_BYTES);
    memcpy(header->log_guid, sector + VHDX_HEADER_LOG_GUID, VDISK_GUID_BYTES);
    header->log_length_bytes = vdisk_load_le32(sector + VHDX_HEADER_LOG_LENGTH);
    header->log_offset_bytes = vdisk_load_le64(sector + VHDX_HEADER_LOG_OFFSET);
}

void vhdx_header_encode(const struct vhdx_header *header, unsigned char *sector)
{
    memset(sector, 0, VHDX_HEADER_BYTES);
    memcpy(sector, "head", 4);
    vdisk_store_le64(sector + VHDX_HEADER_SEQUENCE, header->sequence);
    memcpy(sector + VHDX_HEADER_FILE_WRITE_GUID, header->file_write_guid, VDISK_GUID_BYTES);
    memcpy(sector + VHDX_HEADER_DATA_WRITE_GUID, header->data_write_guid, VDISK_GUID_BYTES);
    memcpy(sector + VHDX_HEADER_LOG_GUID, header->log_guid, VDISK_GUID_BYTES);
    vdisk_store_le16(sector + VHDX_HEADER_VERSION, 1);
    vdisk_store_le32(sector + VHDX_HEADER_LOG_LENGTH, header->log_length_bytes);
    vdisk_store_le64(sector + VHDX_HEADER_LOG_OFFSET, header->log_offset_bytes);
    vdisk_store_le32(sector + VHDX_HEADER_CHECKSUM, vdisk_crc32c(0, sector, VHDX_HEADER_BYTES));
}

/* What a valid header may not say. */
static enum vdisk_status check_header(struct vdisk_image *image, uint32_t slot,
                                      const unsigned char *sector, const struct vhdx_header *header,
                                      struct vdisk_error *error)
{
    if (vdisk_load_le16(sector + VHDX_HEADER_VERSION) != 1)
        return header_fail(image, error, VDISK_UNSUPPORTED, slot,
                           "the version of the format is not 1");
    if (vdisk_load_le16(sector + VHDX_HEADER_LOG_VERSION) != 0 &&
        !vdisk_guid_is_zero(header->log_guid))
        return header_fail(image, error, VDISK_UNSUPPORTED, slot,
                           "the version of the log is not 0");
    if (!vdisk_is_aligned(header->log_offset_bytes | header->log_length_bytes, VHDX_MIB) ||
        header->log_offset_bytes < VHDX_HEADERS_END ||
        !vdisk_range_within(header->log_offset_bytes, header->log_length_bytes,
                            VHDX_FILE_BYTES_MAX))
        return header_fail(image, error, VDISK_CORRUPT, slot,
                           "the log is not at whole MiB after the headers");
    return VDISK_OK;
}

enum vdisk_status vhdx_header_read(struct vdisk_image *image, uint32_t slot, unsigned char *sector,
                                   struct vhdx_header *header, struct vdisk_error *error)
{
    enum vdisk_status status =
        vdisk_file_read(image->file, VHDX_HEADER_OFFSET(slot), sector, VHDX_HEADER_BYTES, error);

    if (status == VDISK_OUT_OF_RANGE)
        return header_fail(image, error, VDISK_CORRUPT, slot, "the file ends before the header");
    if (status != VDISK_OK)
        return status;
    if (memcmp(sector, "head", 4) != 0)
        return header_fail(image, error, VDISK_CORRUPT, slot, "the signature is missing");
    if (vdisk_load_le32(sector + VHDX_HEADER_CHECKSUM) != header_checksum(sector))
        return header_fail(image, error, VDISK_CORRUPT, slot, "the checksum does not match");
    header_decode(sector, header);
    return check_header(image, slot, sector, header, error);
}

/* Two valid headers with one number contradict the format, unless they say the same. */
static enum vdisk_status choose(struct vdisk_image *image, const unsigned char *sectors,
                                const struct vhdx_header headers[VHDX_HEADER_COUNT],
                                struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);

    if (headers[0].sequence == headers[1].sequence &&
        memcmp(sectors, sectors + VHDX_HEADER_BYTES, VHDX_HEADER_BYTES) != 0)
        return header_fail(image, error, VDISK_CORRUPT, 0,
                           "both headers have the same sequence number and differ");
    state->header_slot = headers[1].sequence > headers[0].sequence ? 1 : 0;
    state->header = headers[state->header_slot];
    return VDISK_OK;
}

static enum vdisk_status load_into(struct vdisk_image *image, unsigned char *sectors,
                                   struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    struct vhdx_header headers[VHDX_HEADER_COUNT];
    enum vdisk_status status[VHDX_HEADER_COUNT];

    for (uint32_t slot = 0; slot < VHDX_HEADER_COUNT; slot++) {
        status[slot] = vhdx_header_read(image, slot, sectors + slot * VHDX_HEADER_BYTES,
                                        &headers[slot], error);
        if (status[slot] != VDISK_OK && status[slot] != VDISK_CORRUPT)
            return status[slot];
    }
    if (status[0] == VDISK_OK && status[1] == VDISK_OK)
        return choose(image, sectors, headers, error);
    if (status[0] != VDISK_OK && status[1] != VDISK_OK)
        return status[1];
    state->header_slot = status[0] == VDISK_OK ? 0 : 1;
    state->header = headers[state->header_slot];
    return VDISK_OK;
}

enum vdisk_status vhdx_header_load(struct vdisk_image *image, struct vdisk_error *error)
{
    unsigned char *sectors = vdisk_alloc((size_t)VHDX_HEADER_BYTES * VHDX_HEADER_COUNT);
    enum vdisk_status status;

    if (sectors == NULL)
        return vdisk_image_fail(image, error, VDISK_NO_MEMORY, "VHDX header", VDISK_NO_OFFSET,
                                NULL);
    status = load_into(image, sectors, error);
    vdisk_free(sectors);
    return status;
}

enum vdisk_status vhdx_header_update(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint32_t slot = 1 - state->header_slot;
    unsigned char *sector;
    enum vdisk_status status;

    if (state->header.sequence == UINT64_MAX)
        return header_fail(image, error, VDISK_UNSUPPORTED, state->header_slot,
                           "the sequence number cannot grow any more");
    sector = vdisk_alloc(VHDX_HEADER_BYTES);
    if (sector == NULL)
        return header_fail(image, error, VDISK_NO_MEMORY, slot, NULL);
    state->header.sequence++;
    vhdx_header_encode(&state->header, sector);
    status =
        vdisk_file_write(image->file, VHDX_HEADER_OFFSET(slot), sector, VHDX_HEADER_BYTES, error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status == VDISK_OK)
        state->header_slot = slot;
    vdisk_free(sector);
    return status;
}

enum vdisk_status vhdx_header_update_both(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status = vhdx_header_update(image, error);

    return status == VDISK_OK ? vhdx_header_update(image, error) : status;
}
