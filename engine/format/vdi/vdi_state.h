/* What an open VDI keeps in memory, and the parts of the format that call each other. */
#ifndef VIRTUALDISK_ENGINE_VDI_STATE_H
#define VIRTUALDISK_ENGINE_VDI_STATE_H

#include "engine/format/vdi/vdi_header.h"

#define VDI_ABSENT      0xffffffffu /* the parent's, or zeros */
#define VDI_ZERO        0xfffffffeu
#define VDI_SLOTS_MAX   (2 * VDI_BLOCKS_MAX)
#define VDI_ENTRY_BYTES 4u
#define VDI_PAGE_BYTES  VDI_SECTOR_BYTES
#define VDI_COPY_BYTES  (64u << 10)

/*
 * Where map and slots are. Lookups take no lock, so a resize replaces it as a whole, and frees
 * the old one when the gate has been drained.
 */
struct vdi_layout {
    /* immutable */
    uint64_t disk_bytes;
    uint64_t table_offset;
    uint64_t data_offset;
    uint32_t block_count;
    struct vdisk_page_cache *table;
};

/* Slots that nothing points to: looked for when there are none behind the last one. */
struct vdi_holes {
    unsigned char *taken; /* a bit per slot from first_slot on; NULL: not looked for yet */
    uint32_t first_slot;
    uint32_t slot_count;
    uint32_t next; /* distance from first_slot */
};

struct vdi_state {
    /* immutable after open */
    uint32_t block_shift;
    uint32_t block_bytes;
    uint32_t extra_bytes;
    uint64_t pitch;      /* from slot to slot */
    uint64_t rest_bytes; /* at open, behind the last whole slot: maybe a short last block */
    bool identity;       /* slot i is block i, all of them, for good */

    _Atomic(struct vdi_layout *) layout; /* changes under allocation_lock */
    atomic_uint slot_limit;              /* whole slots in the file; likewise */
    atomic_bool moving; /* blocks are being moved: they must not be written in place; likewise */

    /* all below: protected by allocation_lock */
    struct vdi_header header;
    unsigned char sector[VDI_SECTOR_BYTES];
    uint32_t next_slot; /* behind the last one in use; where the file shall end */
    struct vdi_holes holes;
    bool header_pending;
    bool lost;           /* the file may have another header than this: no more changes */
    unsigned char *copy; /* VDI_COPY_BYTES; made when the first block is written */
};

static inline struct vdi_layout *vdi_layout(const struct vdi_state *state)
{
    return atomic_load_explicit(&state->layout, memory_order_acquire);
}

static inline uint64_t vdi_slot_offset(const struct vdi_state *state,
                                       const struct vdi_layout *layout, uint32_t slot)
{
    return layout->data_offset + slot * state->pitch;
}

/* vdi_open.c */
enum vdisk_status vdi_open(struct vdisk_image *image, const struct vdisk_open_options *options,
                           struct vdisk_error *error);
void vdi_close(struct vdisk_image *image);
enum vdisk_status vdi_layout_create(struct vdisk_image *image, struct vdi_layout **layout,
                                    struct vdisk_error *error);
void vdi_layout_destroy(struct vdi_layout *layout);

/* vdi_map.c */
enum vdisk_status vdi_map(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                          struct vdisk_extent *extent, struct vdisk_error *error);

/* A block's entry in the map, checked: absent, zero, or a slot that is in the file. */
enum vdisk_status vdi_entry_load(struct vdisk_image *image, const struct vdi_layout *layout,
                                 uint32_t block, uint32_t *slot, struct vdisk_error *error);

/* Changes an entry in memory; may flush. */
enum vdisk_status vdi_entry_store(struct vdisk_image *image, const struct vdi_layout *layout,
                                  uint32_t block, uint32_t slot, struct vdisk_error *error);

/* May a block be in this slot? Not when the number makes no sense, or the file is too short. */
bool vdi_slot_is_valid(const struct vdi_state *state, const struct vdi_layout *layout,
                       uint32_t block, uint32_t slot);

/* How many bytes of a block belong to the disk: all, but for the last ones. */
uint32_t vdi_block_used_bytes(const struct vdi_state *state, const struct vdi_layout *layout,
                              uint32_t block);

/* Calls `visit` for every block of the map, as the file has it, in bounded pieces. */
typedef enum vdisk_status vdi_entry_visitor(void *context, uint32_t block, uint32_t raw_slot,
                                            struct vdisk_error *error);
enum vdisk_status vdi_layout_visit(struct vdisk_image *image, const struct vdi_layout *layout,
                                   vdi_entry_visitor *visit, void *context,
                                   struct vdisk_error *error);

/* vdi_slots.c */
struct vdi_census {
    uint32_t allocated_count;
    uint32_t next_slot; /* behind the last one in use */
    bool damaged;       /* slots outside the file, or of two blocks */
    bool is_identity;   /* every block is in the slot of its number */
};
enum vdisk_status vdi_slots_count(struct vdisk_image *image, const struct vdi_layout *layout,
                                  struct vdi_census *census, struct vdisk_error *error);

/* Finds a slot below `limit` that nothing points to, without taking it. VDISK_NO_SPACE: none. */
enum vdisk_status vdi_slots_find_hole(struct vdisk_image *image, uint32_t limit, uint32_t *slot,
                                      struct vdisk_error *error);
void vdi_slots_forget_holes(struct vdi_state *state);

/* vdi_write.c */
enum vdisk_status vdi_begin_write(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vdi_write_new(struct vdisk_image *image, uint64_t offset_bytes,
                                const void *buffer, size_t length_bytes, size_t *done_bytes,
                                struct vdisk_error *error);
enum vdisk_status vdi_zero(struct vdisk_image *image, uint64_t offset_bytes, uint64_t length_bytes,
                           uint64_t *done_bytes, struct vdisk_error *error);
enum vdisk_status vdi_flush(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vdi_write_header(struct vdisk_image *image, struct vdisk_error *error);
enum vdisk_status vdi_require_sound(struct vdisk_image *image, struct vdisk_error *error);

/* vdi_move.c: blocks change their slots, while requests go on */

/* Entries [from, to) of a map at table_offset: absent, or each its own number. Not flushed. */
enum vdisk_status vdi_fill_entries(struct vdisk_image *image, uint64_t table_offset, uint32_t from,
                                   uint32_t to, bool identity, struct vdisk_error *error);

/* Blocks in slots from `limit` on move to free ones below it. The map has been flushed then. */
enum vdisk_status vdi_move_below(struct vdisk_image *image, uint32_t limit,
                                 struct vdisk_error *error);

/*
 * Makes room for a map of block_count entries by moving the first blocks to the end; the larger
 * map is written to their place. state->header says so, but has not been written yet; *slot_shift
 * is by how much slot numbers get smaller when it is.
 */
enum vdisk_status vdi_move_table(struct vdisk_image *image, uint32_t block_count,
                                 uint32_t *slot_shift, struct vdisk_error *error);

/* Writes state->header durably; lookups go by it from here on. */
enum vdisk_status vdi_replace_layout(struct vdisk_image *image, uint32_t slot_shift,
                                     struct vdisk_error *error);

/* vdi_create.c, vdi_resize.c, vdi_check.c */
enum vdisk_status vdi_create(struct vdisk_file *file, const struct vdisk_create_options *options,
                             struct vdisk_error *error);
enum vdisk_status vdi_resize(struct vdisk_image *image, uint64_t size_bytes,
                             struct vdisk_error *error);
enum vdisk_status vdi_check(struct vdisk_image *image, struct vdisk_check *check,
                            struct vdisk_error *error);

/* vdi.c: what a child stores of its parent. */
enum vdisk_status vdi_describe_parent(struct vdisk_file *file, const struct vdisk_image *parent,
                                      const char *name, unsigned char *sector,
                                      struct vdi_header *header, struct vdisk_error *error);

#endif
