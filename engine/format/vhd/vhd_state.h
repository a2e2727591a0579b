/* What an open VHD keeps in memory, and the parts of the format that call each other. */
#ifndef VIRTUALDISK_ENGINE_VHD_STATE_H
#define VIRTUALDISK_ENGINE_VHD_STATE_H

#include "engine/format/vhd/vhd_footer.h"
#include "engine/format/vhd/vhd_header.h"

#define VHD_UNALLOCATED 0xffffffffu /* in the block table */
#define VHD_ENTRY_BYTES 4u
#define VHD_PAGE_BYTES  VDISK_SECTOR_BYTES
#define VHD_ALIGN_BYTES 4096u /* where the data of new blocks begins: good for hosts' sectors */

/* A stretch of the file that no block may share. */
struct vhd_area {
    uint64_t offset_bytes;
    uint64_t length_bytes;
};
#define VHD_AREAS (3u + VHD_LOCATORS)

/*
 * Where the table is and what it maps. Lookups take no lock, so a resize replaces it as a whole,
 * and frees the old one when the gate has been drained.
 */
struct vhd_layout {
    /* immutable */
    uint64_t disk_bytes;
    uint64_t table_offset;
    uint32_t block_count;
    struct vdisk_page_cache *table;
    struct vhd_area areas[VHD_AREAS];
    uint32_t area_count;
    uint64_t clear_offset; /* from here on there are no areas */

    /*
     * A bit per block: every sector of it is stored. It spares overwrites and reads the bitmap.
     * NULL when the disk has too many blocks.
     */
    atomic_uint *full;
};

struct vhd_space;

struct vhd_state {
    /* immutable after open */
    uint32_t type;
    uint32_t block_shift;
    uint32_t block_bytes;
    uint32_t bitmap_bytes;               /* padded */
    struct vdisk_page_cache *bitmaps;    /* NULL for fixed */
    _Atomic(struct vhd_layout *) layout; /* NULL for fixed; changes under allocation_lock */

    atomic_uint limit_sectors; /* blocks end before; changes under allocation_lock */

    /* all below: protected by allocation_lock */
    uint64_t file_bytes; /* at open */
    struct vhd_footer footer;
    struct vhd_header header;
    unsigned char footer_bytes[VHD_FOOTER_BYTES];
    unsigned char header_bytes[VHD_HEADER_BYTES];
    const char *head_fault;   /* what is wrong with the copy in front; NULL: nothing */
    const char *tail_fault;   /* ... with the footer at the end */
    bool tail_differs;        /* it is whole, which a power cut does not leave */
    const char *header_fault; /* opened for a check only */
    uint64_t tail_offset;     /* of the footer at the end, be it whole or not */
    uint64_t end_bytes;       /* where the footer belongs, and where the next block goes */
    bool footer_pending;      /* the end has moved since the footer was written */
    bool lost;                /* the file may have other tables than these: no more changes */
    struct vhd_space *space;  /* NULL until a block is allocated or freed */
    unsigned char *prefix;    /* what precedes a new block's data: padding and its bitmap */
};

static inline uint32_t vhd_pitch(const struct vhd_state *state)
{
    return state->bitmap_bytes + state->block_bytes;
}

static inline struct vhd_layout *vhd_layout(const struct vhd_state *state)
{
    return atomic_load_explicit(&state->layout, memory_order_acquire);
}

static inline uint64_t vhd_limit(const struct vhd_state *state)
{
    return (uint64_t)atomic_load_explicit(&state->limit_sectors, memory_order_relaxed) *
           VDISK_SECTOR_BYTES;
}

static inline void vhd_set_limit(struct vhd_state *state, uint64_t limit_bytes)
{
    atomic_store_explicit(&state->limit_sectors,
                          (uint32_t)vdisk_min_u64(limit_bytes / VDISK_SECTOR_BYTES, UINT32_MAX),
                          memory_order_relaxed);
}

/* vhd_open.c */
enum vdisk_status vhd_open(struct vdisk_image *image, const struct vdisk_open_options *options,
                           struct vdisk_error *error);
void vhd_close(struct vdisk_image *image);

/* vhd_layout.c */
enum vdisk_status vhd_layout_create(struct vdisk_image *image, const struct vhd_footer *footer,
                                    const struct vhd_header *header, uint64_t header_offset,
                                    struct vhd_layout **layout, struct vdisk_error *error);
void vhd_layout_destroy(struct vhd_layout *layout);
bool vhd_layout_has_area(const struct vhd_layout *layout, uint64_t offset_bytes,
                         uint64_t length_bytes);
bool vhd_layout_is_full(const struct vhd_layout *layout, uint32_t block);
void vhd_layout_set_full(struct vhd_layout *layout, uint32_t block);

/* How many bytes of a block belong to the disk: all, but for the last one. */
uint32_t vhd_block_used_bytes(const struct vhd_state *state, const struct vhd_layout *layout,
                              uint32_t block);

/* Calls `visit` for every block of the table, allocated or not, in bounded pieces. */
typedef enum vdisk_status vhd_entry_visitor(void *context, uint32_t block, uint32_t raw_entry,
                                            struct vdisk_error *error);
enum vdisk_status vhd_layout_visit(struct vdisk_image *image, const struct vhd_layout *layout,
                                   vhd_entry_visitor *visit, void *context,
                                   struct vdisk_error *error);

/*
 * Where the last block or area ends. *damaged when an entry points beyond the end of the file or
 * into an area; it does not count then.
 */
enum vdisk_status vhd_layout_find_end(struct vdisk_image *image, const struct vhd_layout *layout,
                                      uint64_t *end_bytes, bool *damaged,
                                      struct vdisk_error *error);

/* vhd_map.c */
enum vdisk_status vhd_map(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                          struct vdisk_extent *extent, struct vdisk_error *error);

/* Where a block's bitmap begins in the file, its data following; 0 when it has none. Checked. */
enum vdisk_status vhd_block_find(struct vdisk_image *image, const struct vhd_layout *layout,
                                 uint32_t block, uint64_t *block_offset, struct vdisk_error *error);

/* The 32 bits of a bitmap that hold the one of `sector`: its highest bit is the first sector's. */
enum vdisk_status vhd_bitmap_load(struct vhd_state *state, uint64_t block_offset, uint32_t sector,
                                  uint32_t *bits, struct vdisk_error *error);
enum vdisk_status vhd_bitmap_store(struct vhd_state *state, uint64_t block_offset, uint32_t sector,
                                   uint32_t bits, struct vdisk_error *error);

/*
 * vhd_space.c: space between the blocks, enough for one each. It is looked for when the first
 * block of a session is allocated or freed, before that is done.
 */
enum vdisk_status vhd_space_find(struct vdisk_image *image, struct vdisk_error *error);

/* Takes the place of a block; false when there is none, and it has to go to the end. */
bool vhd_space_take(struct vhd_state *state, uint64_t *block_offset);

/* What was taken and not used. */
void vhd_space_give_back(struct vhd_state *state, uint64_t block_offset);

/* A block was removed from the table: its place may be taken after the next flush. */
void vhd_space_free(struct vhd_state *state, uint64_t block_offset);
bool vhd_space_has_freed(const struct vhd_state *state);

/* For flush, after the table is durable: gives what was freed back, to us and to the host. */
enum vdisk_status vhd_space_release(struct vdisk_image *image, struct vdisk_error *error);

/* What of it lies at the end of the file is no space between blocks any more. */
uint64_t vhd_space_cut(struct vhd_state *state, uint64_t end_bytes);
void vhd_space_destroy(struct vhd_space *space); /* NULL is allowed */

/* vhd_write.c */
enum vdisk_status vhd_begin_write(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vhd_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                const void *buffer, size_t length_bytes, size_t *done_bytes,
                                struct vdisk_error *error);
enum vdisk_status vhd_zero(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                           uint64_t *done_bytes, struct vdisk_error *error);
enum vdisk_status vhd_flush(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vhd_end_write(struct vdisk_image *image, struct vdisk_error *error);

/* vhd_parent.c */
struct vhd_parent {
    const unsigned char *identity;
    const char *name;          /* relative to the child's folder; UTF-8 */
    const char *absolute_name; /* or NULL */
};
#define VHD_PARENT_AREA_BYTES (2u * 2 * VDISK_NAME_BYTES)

enum vdisk_status vhd_parent_read_names(struct vdisk_image *image, struct vdisk_error *error);

/*
 * Writes the parent's names into a header and into `area` (VHD_PARENT_AREA_BYTES), which will lie
 * at area_offset of the file; *area_bytes of it, whole sectors, are used.
 */
enum vdisk_status vhd_parent_encode(struct vdisk_file *file, const struct vhd_parent *parent,
                                    uint64_t area_offset, unsigned char *header_bytes,
                                    unsigned char *area, uint32_t *area_bytes,
                                    struct vdisk_error *error);

/* Identity and names for a child of `parent`; VDISK_INVALID when it is no VHD. */
enum vdisk_status vhd_parent_describe(struct vdisk_file *file, const struct vdisk_image *parent,
                                      const char *name, const char *absolute_name,
                                      struct vhd_parent *described, struct vdisk_error *error);
enum vdisk_status vhd_check_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                   struct vdisk_error *error);

/* vhd_commit.c: footer, header and end of the file as they shall become */
struct vhd_change {
    unsigned char footer[VHD_FOOTER_BYTES];
    unsigned char header[VHD_HEADER_BYTES];
    uint64_t end_bytes; /* what lies behind the old end is written before the change is made */
};

/* Flushes, and gives a change that changes nothing yet. */
enum vdisk_status vhd_change_begin(struct vdisk_image *image, struct vhd_change **change,
                                   struct vdisk_error *error);

/* Makes the change durable: of the footers only, or of the header as well. */
enum vdisk_status vhd_change_footer(struct vdisk_image *image, struct vhd_change *change,
                                    struct vdisk_error *error);
enum vdisk_status vhd_change_header(struct vdisk_image *image, struct vhd_change *change,
                                    struct vdisk_error *error);

/* Lookups go by the changed header and size from here on. */
enum vdisk_status vhd_replace_layout(struct vdisk_image *image, struct vdisk_error *error);

/* Frees the change; tidies the end of the file when it failed. Returns `status`. */
enum vdisk_status vhd_change_end(struct vdisk_image *image, struct vhd_change *change,
                                 enum vdisk_status status);

/* VDISK_IO when an earlier change left it open which tables the file has. */
enum vdisk_status vhd_require_sound(struct vdisk_image *image, struct vdisk_error *error);

/* vhd_create.c, vhd_resize.c, vhd_check.c */
enum vdisk_status vhd_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                             struct vdisk_error *error);
enum vdisk_status vhd_resize(struct vdisk_image *image, uint64_t size_bytes,
                             struct vdisk_error *error);
enum vdisk_status vhd_set_parent(struct vdisk_image *image, struct vdisk_image *parent,
                                 const char *name, const char *absolute_name,
                                 struct vdisk_error *error);
enum vdisk_status vhd_check(struct vdisk_image *image, struct vdisk_check *check,
                            struct vdisk_error *error);

#endif
