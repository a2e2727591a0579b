/*
 * Writing the log ([MS-VHDX] 2.3). The ring is used as two halves in turn. A flush writes one entry
 * with all pages that changed; its tail is itself, so it is an active sequence of one:
 *
 *   flush N    file flush         data is durable, and so are the pages of entry N-1, in place
 *              entry N, flush     in the half that N-1 does not occupy: now nothing can be lost
 *              pages in place     become durable with the next flush
 *
 * Until entry N is durable, entry N-1 is untouched: a power cut at any time finds one of them. An
 * entry is whole or not there at all, so the metadata changes from flush to flush in one step.
 */
#include "engine/format/vhdx/vhdx_state.h"
#include "engine/base/crc32c.h"
#include "engine/base/endian.h"

#define SECTOR_BYTES VHDX_LOG_SECTOR_BYTES

struct vhdx_journal { /* protected by the allocation lock */
    unsigned char guid[VDISK_GUID_BYTES];
    bool in_header; /* the header names our log */
    bool stopped;
    bool apply_again;     /* pages of the last entry may not have reached the file */
    uint32_t page_limit;  /* in one entry */
    uint32_t page_count;  /* in `entry` */
    uint32_t half;        /* where the next entry goes */
    uint64_t sequence;    /* of the last entry */
    uint64_t file_bytes;  /* size of the file at the last flush */
    unsigned char *entry; /* the last entry, or the one that is being made */
};

static enum vdisk_status journal_fail(struct vdisk_image *image, struct vdisk_error *error,
                                      enum vdisk_status status, const char *reason)
{
    return vdisk_image_fail(image, error, status, "VHDX log",
                            vhdx_state_of(image)->header.log_offset_bytes, reason);
}

static void start_entry(struct vhdx_journal *journal)
{
    memset(journal->entry, 0, SECTOR_BYTES);
    journal->page_count = 0;
    journal->sequence++;
}

static unsigned char *entry_page(struct vhdx_journal *journal, uint32_t index)
{
    return journal->entry + (size_t)(index + 1) * SECTOR_BYTES;
}

static unsigned char *entry_descriptor(struct vhdx_journal *journal, uint32_t index)
{
    return journal->entry + VHDX_LOG_ENTRY_HEADER_BYTES + (size_t)index * VHDX_LOG_DESCRIPTOR_BYTES;
}

/* The page's first 8 and last 4 bytes move into the descriptor; numbers take their place. */
static enum vdisk_status add_page(void *context, uint64_t page_offset_bytes, const void *page,
                                  uint32_t page_bytes, struct vdisk_error *error)
{
    struct vdisk_image *image = context;
    struct vhdx_journal *journal = vhdx_state_of(image)->journal;
    unsigned char *descriptor = entry_descriptor(journal, journal->page_count);
    unsigned char *sector = entry_page(journal, journal->page_count);

    if (journal->page_count == journal->page_limit)
        return journal_fail(image, error, VDISK_NO_SPACE, "too many changes for one entry");
    memcpy(sector, page, page_bytes);
    memcpy(descriptor, "desc", 4);
    memcpy(descriptor + VHDX_LOG_DESCRIPTOR_TRAILING, sector + VHDX_LOG_DATA_SEQUENCE_LOW, 4);
    memcpy(descriptor + VHDX_LOG_DESCRIPTOR_LEADING, sector, 8);
    vdisk_store_le64(descriptor + VHDX_LOG_DESCRIPTOR_OFFSET, page_offset_bytes);
    vdisk_store_le64(descriptor + VHDX_LOG_DESCRIPTOR_SEQUENCE, journal->sequence);
    memcpy(sector, "data", 4);
    vdisk_store_le32(sector + VHDX_LOG_DATA_SEQUENCE_HIGH, (uint32_t)(journal->sequence >> 32));
    vdisk_store_le32(sector + VHDX_LOG_DATA_SEQUENCE_LOW, (uint32_t)journal->sequence);
    journal->page_count++;
    return VDISK_OK;
}

/* Fills in the entry's header and writes the entry; durable on success. */
static enum vdisk_status write_entry(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    struct vhdx_journal *journal = state->journal;
    unsigned char *entry = journal->entry;
    const uint32_t length = (journal->page_count + 1) * SECTOR_BYTES;
    const uint32_t position = journal->half * (state->header.log_length_bytes / 2);
    enum vdisk_status status;

    memcpy(entry, "loge", 4);
    vdisk_store_le32(entry + VHDX_LOG_ENTRY_LENGTH, length);
    vdisk_store_le32(entry + VHDX_LOG_TAIL, position);
    vdisk_store_le64(entry + VHDX_LOG_SEQUENCE, journal->sequence);
    vdisk_store_le32(entry + VHDX_LOG_DESCRIPTOR_COUNT, journal->page_count);
    memcpy(entry + VHDX_LOG_GUID, journal->guid, VDISK_GUID_BYTES);
    vdisk_store_le64(entry + VHDX_LOG_FLUSHED_OFFSET,
                     vdisk_align_down(journal->file_bytes, VHDX_MIB));
    vdisk_store_le64(entry + VHDX_LOG_LAST_OFFSET,
                     vdisk_div_up(journal->file_bytes, VHDX_MIB) * VHDX_MIB);
    vdisk_store_le32(entry + VHDX_LOG_CHECKSUM, vdisk_crc32c(0, entry, length));
    status = vdisk_file_write(image->file, state->header.log_offset_bytes + position, entry, length,
                              error);
    if (status == VDISK_OK)
        status = vdisk_file_flush(image->file, error);
    if (status == VDISK_OK)
        journal->half = 1 - journal->half;
    else
        journal->page_count = 0; /* not to be applied: the log does not have it for sure */
    return status;
}

static enum vdisk_status journal_create(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    struct vhdx_journal *journal;

    if (state->header.log_length_bytes < VHDX_MIB)
        return journal_fail(image, error, VDISK_UNSUPPORTED,
                            "the image has no log, so it cannot be changed");
    journal = vdisk_alloc(sizeof *journal);
    if (journal == NULL)
        return journal_fail(image, error, VDISK_NO_MEMORY, NULL);
    /* Half of the smallest log holds these, with one sector of descriptors. */
    journal->page_limit = VHDX_LOG_FIRST_DESCRIPTORS;
    journal->entry = vdisk_alloc((size_t)(journal->page_limit + 1) * SECTOR_BYTES);
    if (journal->entry == NULL) {
        vdisk_free(journal);
        return journal_fail(image, error, VDISK_NO_MEMORY, NULL);
    }
    vdisk_guid_make(journal->guid, VDISK_GUID_LE);
    state->journal = journal;
    return VDISK_OK;
}

/* The header names a log only when that log has a valid entry: an empty one to begin with. */
enum vdisk_status vhdx_journal_open(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status = VDISK_OK;

    if (state->journal == NULL)
        status = journal_create(image, error);
    if (status != VDISK_OK || state->journal->in_header)
        return status;
    status = vdisk_file_get_size(image->file, &state->journal->file_bytes, error);
    if (status == VDISK_OK) {
        start_entry(state->journal);
        status = write_entry(image, error);
    }
    if (status != VDISK_OK)
        return status;
    memcpy(state->header.log_guid, state->journal->guid, VDISK_GUID_BYTES);
    status = vhdx_header_update_both(image, error);
    if (status == VDISK_OK)
        state->journal->in_header = true;
    return status;
}

enum vdisk_status vhdx_journal_store(struct vdisk_image *image, uint64_t offset_bytes,
                                     const void *data, uint32_t length_bytes,
                                     struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    const uint64_t page = vdisk_align_down(offset_bytes, VDISK_PAGE_BYTES);
    const uint32_t byte_in_page = (uint32_t)(offset_bytes - page);
    enum vdisk_status status = VDISK_OK;
    uint32_t word;

    if (state->journal->stopped)
        return journal_fail(image, error, VDISK_IO,
                            "an earlier failure left the image in doubt: it must be reopened");
    if (vdisk_page_cache_dirty_count(state->pages) >= state->journal->page_limit)
        status = vhdx_journal_flush(image, error);
    if (status == VDISK_OK) /* so that a failed read is not taken for a cache that is full */
        status = vdisk_page_cache_load(state->pages, page, 0, &word, sizeof word, error);
    if (status != VDISK_OK)
        return status;
    status = vdisk_page_cache_store(state->pages, page, byte_in_page, data, length_bytes, error);
    if (status != VDISK_NO_SPACE)
        return status;
    status = vhdx_journal_flush(image, error);
    return status != VDISK_OK ? status
                              : vdisk_page_cache_store(state->pages, page, byte_in_page, data,
                                                       length_bytes, error);
}

/* After a failed flush nobody knows which pages of the last entry are in place: all, once more. */
static enum vdisk_status apply_again(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_journal *journal = vhdx_state_of(image)->journal;
    unsigned char *page = vdisk_alloc(SECTOR_BYTES);
    enum vdisk_status status = VDISK_OK;

    if (page == NULL)
        return journal_fail(image, error, VDISK_NO_MEMORY, NULL);
    for (uint32_t index = 0; index < journal->page_count && status == VDISK_OK; index++) {
        const unsigned char *descriptor = entry_descriptor(journal, index);

        memcpy(page, entry_page(journal, index), SECTOR_BYTES);
        memcpy(page, descriptor + VHDX_LOG_DESCRIPTOR_LEADING, 8);
        memcpy(page + VHDX_LOG_DATA_SEQUENCE_LOW, descriptor + VHDX_LOG_DESCRIPTOR_TRAILING, 4);
        status =
            vdisk_file_write(image->file, vdisk_load_le64(descriptor + VHDX_LOG_DESCRIPTOR_OFFSET),
                             page, SECTOR_BYTES, error);
    }
    vdisk_free(page);
    return status;
}

/* The first flush: data, and what the last entry said, in place. */
static enum vdisk_status flush_file(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_journal *journal = vhdx_state_of(image)->journal;
    enum vdisk_status status = VDISK_OK;

    if (journal == NULL)
        return vdisk_file_flush(image->file, error);
    if (journal->apply_again)
        status = apply_again(image, error);
    if (status == VDISK_OK)
        status = vdisk_file_get_size(image->file, &journal->file_bytes, error);
    if (status == VDISK_OK) {
        status = vdisk_file_flush(image->file, error);
        journal->apply_again = status != VDISK_OK;
    }
    return status;
}

static enum vdisk_status commit_pages(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status;

    start_entry(state->journal);
    status = vdisk_page_cache_visit_dirty(state->pages, add_page, image, error);
    if (status == VDISK_OK)
        status = write_entry(image, error);
    if (status == VDISK_OK)
        status = vdisk_page_cache_write_back(state->pages, NULL, NULL, error);
    return status;
}

enum vdisk_status vhdx_journal_flush(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status;

    if (state->journal == NULL)
        return vdisk_file_flush(image->file, error);
    status = flush_file(image, error);
    if (status == VDISK_OK && vdisk_page_cache_dirty_count(state->pages) != 0)
        status = commit_pages(image, error);
    return status == VDISK_OK ? vhdx_space_release(image, error) : status;
}

enum vdisk_status vhdx_journal_retire(struct vdisk_image *image, struct vdisk_error *error)
{
    enum vdisk_status status = vhdx_journal_flush(image, error);

    if (status == VDISK_OK)
        status = flush_file(image, error);
    return status == VDISK_OK ? commit_pages(image, error) : status;
}

void vhdx_journal_stop(struct vhdx_journal *journal)
{
    journal->stopped = true;
}

enum vdisk_status vhdx_journal_close(struct vdisk_image *image, struct vdisk_error *error)
{
    struct vhdx_state *state = vhdx_state_of(image);
    enum vdisk_status status;

    if (state->journal == NULL || !state->journal->in_header)
        return VDISK_OK;
    status = flush_file(image, error);
    if (status != VDISK_OK)
        return status;
    memset(state->header.log_guid, 0, VDISK_GUID_BYTES);
    status = vhdx_header_update_both(image, error);
    if (status == VDISK_OK)
        state->journal->in_header = false;
    return status;
}

void vhdx_journal_destroy(struct vhdx_journal *journal)
{
    if (journal == NULL)
        return;
    vdisk_free(journal->entry);
    vdisk_free(journal);
}
