/* An opened VHDX image, and what its parts offer each other. */
#ifndef VIRTUALDISK_ENGINE_VHDX_STATE_H
#define VIRTUALDISK_ENGINE_VHDX_STATE_H

#include "engine/format/format.h"
#include "engine/format/vhdx/vhdx_layout.h"

struct vhdx_overlay;
struct vhdx_journal;
struct vhdx_space;

struct vhdx_header {
    uint64_t sequence;
    unsigned char file_write_guid[VDISK_GUID_BYTES];
    unsigned char data_write_guid[VDISK_GUID_BYTES];
    unsigned char log_guid[VDISK_GUID_BYTES];
    uint32_t log_length_bytes;
    uint64_t log_offset_bytes;
};

/* A stretch of the file that holds no payload. */
struct vhdx_area {
    uint64_t offset_bytes;
    uint64_t length_bytes;
};

struct vhdx_metadata {
    uint32_t block_bytes;
    bool fixed;
    bool has_parent;
    uint64_t disk_bytes;
    uint32_t logical_sector_bytes;
    uint32_t physical_sector_bytes;
    unsigned char disk_id[VDISK_GUID_BYTES];
    uint64_t disk_bytes_offset;    /* where the size is in the file */
    uint64_t locator_entry_offset; /* the parent locator's entry in the table; 0: none */
    uint64_t locator_offset;
    uint32_t locator_bytes;
    uint64_t items_end_offset; /* none but the locator reaches beyond */
};

struct vhdx_state {
    /* immutable after open */
    struct vdisk_file *file;      /* image->file, or the overlay over it */
    struct vhdx_overlay *overlay; /* what the log says, until it is applied; NULL: nothing */
    bool was_dirty;               /* the log had to be replayed */
    bool linear;                  /* every block is mapped, one after the other */
    uint64_t linear_offset_bytes;
    struct vdisk_error open_failure; /* opened for check: why no more could be read; or OK */
    struct vhdx_area metadata_area;
    uint32_t chunk_blocks; /* payload blocks in a chunk */
    unsigned char parent_linkage[VDISK_GUID_BYTES];
    unsigned char parent_linkage2[VDISK_GUID_BYTES];

    struct vdisk_page_cache *pages; /* BAT, sector bitmaps, metadata */

    /* looked at without a lock, changed under the allocation lock */
    atomic_uint bat_mb;       /* where the BAT is, in MiB */
    atomic_uint file_end_mb;  /* size of the file in whole MiB, rounded up */
    atomic_uint areas_end_mb; /* no area reaches beyond, in MiB */

    /* protected by the allocation lock */
    struct vhdx_header header;
    uint32_t header_slot; /* of the current header */
    struct vhdx_metadata metadata;
    struct vhdx_area *areas; /* log, regions */
    uint32_t area_count;
    uint32_t bat_area;            /* index of the BAT in areas */
    struct vhdx_journal *journal; /* NULL until the log is written to */
    struct vhdx_space *space;     /* NULL until something is allocated */
};

static inline struct vhdx_state *vhdx_state_of(struct vdisk_image *image)
{
    return image->state;
}

static inline uint64_t vhdx_block_count(const struct vhdx_state *state)
{
    return vdisk_div_up(state->metadata.disk_bytes, state->metadata.block_bytes);
}

/* vhdx_header.c: reads both copies and chooses. */
enum vdisk_status vhdx_header_load(struct vdisk_image *image, struct vdisk_error *error);

/* Reads and validates one copy; VDISK_CORRUPT with the reason when it is not valid. */
enum vdisk_status vhdx_header_read(struct vdisk_image *image, uint32_t slot, unsigned char *sector,
                                   struct vhdx_header *header, struct vdisk_error *error);

/* Writes state->header, with the next sequence number, over the older copy; flushes. */
enum vdisk_status vhdx_header_update(struct vdisk_image *image, struct vdisk_error *error);

/* As vhdx_header_update, over both copies in turn. */
enum vdisk_status vhdx_header_update_both(struct vdisk_image *image, struct vdisk_error *error);

/* For create: a header as it is stored. */
void vhdx_header_encode(const struct vhdx_header *header, unsigned char *sector);

/* vhdx_region.c: finds the regions; needs the header and, when there is one, the overlay. */
enum vdisk_status vhdx_region_load(struct vdisk_image *image, struct vdisk_error *error);

/* Reads and validates one copy into `table` (VHDX_REGION_TABLE_BYTES). */
enum vdisk_status vhdx_region_read(struct vdisk_image *image, uint32_t copy, unsigned char *table,
                                   struct vdisk_error *error);

/* For create and resize: a table of the two regions as it is stored. */
void vhdx_region_encode(const struct vhdx_area *bat, const struct vhdx_area *metadata,
                        unsigned char *table);

/* Lets both tables name another place of the BAT, which has the same content; flushed. */
enum vdisk_status vhdx_region_move_bat(struct vdisk_image *image, const struct vhdx_area *bat,
                                       struct vdisk_error *error);

/* Does [offset, offset + length) touch the headers, the log or a region? Any thread. */
bool vhdx_region_overlaps(struct vhdx_state *state, uint64_t offset_bytes, uint64_t length_bytes);

/* vhdx_metadata.c: reads the metadata region into state->metadata. */
enum vdisk_status vhdx_metadata_load(struct vdisk_image *image, struct vdisk_error *error);

/* vhdx_locator.c: reads the parent locator into image->parent_names and the linkages. */
enum vdisk_status vhdx_locator_load(struct vdisk_image *image, struct vdisk_error *error);

/* vhdx_log.c: when the log is in use, replays it into state->overlay. */
enum vdisk_status vhdx_log_load(struct vdisk_image *image, struct vdisk_error *error);

/*
 * A locator that leads to `parent`, into `item` (VHDX_LOCATOR_BYTES_MAX, zeroed). The names are as
 * in vdisk_create_options; either may be NULL, but not both.
 */
enum vdisk_status vhdx_locator_encode(const char *file_name, struct vdisk_image *parent,
                                      const char *parent_name, const char *parent_absolute_name,
                                      unsigned char *item, uint32_t *length_bytes,
                                      struct vdisk_error *error);

/* Replaces the locator of a differencing image, in one step of the log. */
enum vdisk_status vhdx_locator_replace(struct vdisk_image *image, struct vdisk_image *parent,
                                       const char *parent_name, const char *parent_absolute_name,
                                       struct vdisk_error *error);

/* vhdx_overlay.c: a file with changes in memory over another file, which stays the caller's. */
enum vdisk_status vhdx_overlay_create(struct vdisk_file *below, struct vhdx_overlay **overlay,
                                      struct vdisk_error *error);
void vhdx_overlay_destroy(struct vhdx_overlay *overlay); /* NULL is allowed */
struct vdisk_file *vhdx_overlay_file(struct vhdx_overlay *overlay);

/*
 * Adds a change: a page of VHDX_LOG_SECTOR_BYTES, or zeros (page NULL) of length_bytes. Later ones
 * hide earlier ones. Offsets and lengths are multiples of VHDX_LOG_SECTOR_BYTES.
 */
enum vdisk_status vhdx_overlay_add(struct vhdx_overlay *overlay, uint64_t offset_bytes,
                                   uint64_t length_bytes, const unsigned char *page,
                                   struct vdisk_error *error);
void vhdx_overlay_set_size(struct vhdx_overlay *overlay, uint64_t size_bytes);

/*
 * Writes the changes to the file below, and flushes it; from then on everything goes there. May be
 * repeated after a failure.
 */
enum vdisk_status vhdx_overlay_apply(struct vhdx_overlay *overlay, struct vdisk_error *error);

/* vhdx_bat.c: indices of the BAT. */
uint64_t vhdx_bat_payload_index(const struct vhdx_state *state, uint64_t block);
uint64_t vhdx_bat_bitmap_index(const struct vhdx_state *state, uint64_t block);
uint64_t vhdx_bat_entry_count(uint64_t block_count, uint32_t chunk_blocks, bool has_parent);
uint32_t vhdx_bat_chunk_blocks(uint32_t block_bytes, uint32_t logical_sector_bytes);
enum vdisk_status vhdx_bat_load(struct vhdx_state *state, uint64_t index, uint64_t *entry,
                                struct vdisk_error *error);

/* An entry's file offset, when its guest-visible part lies in the file and outside all areas. */
enum vdisk_status vhdx_bat_check_block(struct vdisk_image *image, uint64_t block, uint64_t entry,
                                       uint64_t *offset_bytes, struct vdisk_error *error);

/* The sector bitmap block of the block's chunk. */
enum vdisk_status vhdx_bat_bitmap_offset(struct vdisk_image *image, uint64_t block,
                                         uint64_t *offset_bytes, struct vdisk_error *error);
enum vdisk_status vhdx_bat_map(struct vdisk_image *image, uint64_t offset_bytes,
                               uint64_t length_bytes, struct vdisk_extent *extent,
                               struct vdisk_error *error);

/* Changes an entry, in memory until the next flush. */
enum vdisk_status vhdx_bat_store(struct vdisk_image *image, uint64_t index, uint64_t entry,
                                 struct vdisk_error *error);

/* Looks whether all blocks of a fixed image follow each other: then nothing is looked up. */
enum vdisk_status vhdx_bat_find_linear(struct vdisk_image *image, struct vdisk_error *error);

/*
 * vhdx_journal.c: our own log. Metadata is changed in the page cache only (vhdx_journal_store);
 * vhdx_journal_flush makes the data durable, then one log entry with every changed page, and then
 * writes the pages in place.
 */
enum vdisk_status vhdx_journal_open(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vhdx_journal_store(struct vdisk_image *image, uint64_t offset_bytes,
                                     const void *data, uint32_t length_bytes,
                                     struct vdisk_error *error);
enum vdisk_status vhdx_journal_flush(struct vdisk_image *image, struct vdisk_error *error);

/* Writes an empty entry: what the log said before is in place for good, and is not replayed. */
enum vdisk_status vhdx_journal_retire(struct vdisk_image *image, struct vdisk_error *error);

/* After a failure that leaves the image in doubt: no metadata is changed any more. */
void vhdx_journal_stop(struct vhdx_journal *journal);

/* After a flush: everything is in place, and the log is empty. */
enum vdisk_status vhdx_journal_close(struct vdisk_image *image, struct vdisk_error *error);
void vhdx_journal_destroy(struct vhdx_journal *journal); /* NULL is allowed */

/*
 * vhdx_space.c: which MiB of the file are free. All under the allocation lock. What it hands out
 * reads as zeros.
 */
enum vdisk_status vhdx_space_allocate(struct vdisk_image *image, uint64_t length_bytes,
                                      uint64_t *offset_bytes, struct vdisk_error *error);

/* The space may be used again after the next flush. */
enum vdisk_status vhdx_space_free(struct vdisk_image *image, uint64_t offset_bytes,
                                  uint64_t length_bytes, struct vdisk_error *error);

/* For flush, after the commit: gives what was freed back, to us and to the host. */
enum vdisk_status vhdx_space_release(struct vdisk_image *image, struct vdisk_error *error);

/* For close: cuts off what is free at the end of the file. */
enum vdisk_status vhdx_space_trim(struct vdisk_image *image, struct vdisk_error *error);
void vhdx_space_destroy(struct vhdx_space *space); /* NULL is allowed */

/* vhdx_write.c: the operations of struct vdisk_format. */
enum vdisk_status vhdx_write_begin(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vhdx_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                 const void *buffer, size_t length_bytes, size_t *done_bytes,
                                 struct vdisk_error *error);
enum vdisk_status vhdx_write_zero(struct vdisk_image *image, uint64_t offset_bytes,
                                  uint64_t length_bytes, uint64_t *done_bytes,
                                  struct vdisk_error *error);
/* Applies what the log of an unclean session says; needed once, before anything else is changed. */
enum vdisk_status vhdx_write_recover(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vhdx_write_end(struct vdisk_image *image, struct vdisk_error *error);

/* vhdx_bitmap.c: sector bitmaps. Before a block becomes partial: it has none of its sectors. */
enum vdisk_status vhdx_bitmap_prepare(struct vdisk_image *image, uint64_t block,
                                      struct vdisk_error *error);
enum vdisk_status vhdx_bitmap_set(struct vdisk_image *image, uint64_t block, uint64_t within_bytes,
                                  uint64_t length_bytes, struct vdisk_error *error);

/* vhdx_create.c, vhdx_resize.c, vhdx_check.c: likewise. */
enum vdisk_status vhdx_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                              struct vdisk_error *error);
enum vdisk_status vhdx_resize(struct vdisk_image *image, uint64_t size_bytes,
                              struct vdisk_error *error);
enum vdisk_status vhdx_check(struct vdisk_image *image, struct vdisk_check *check,
                             struct vdisk_error *error);

#endif
