/*
 * A bounded cache of metadata pages of one file. Tables of any size (BAT, grain tables, L2) are
 * looked at through it, so that no allocation depends on what an image says.
 *
 * A page is page_bytes (512..4096, a power of two) at any offset that the user of the cache
 * chooses. Pages do not overlap, and hold nothing but metadata of this cache: a page is written
 * back whole (so a table that is padded to 512 bytes is cached in pages of 512). Lookups that hit
 * take no lock. Stores are made by one thread at a time (who holds the image's allocation
 * lock) and stay in memory, pinned, until they are written back.
 */
#ifndef VIRTUALDISK_ENGINE_PAGE_CACHE_H
#define VIRTUALDISK_ENGINE_PAGE_CACHE_H

#include "virtualdisk/file.h"

#define VDISK_PAGE_BYTES 4096u

struct vdisk_page_cache;

/*
 * `page_limit` bounds the pages in memory (at least 16). `structure` is static text that names
 * what is cached in errors.
 */
enum vdisk_status vdisk_page_cache_create(struct vdisk_file *file, const char *structure,
                                          uint32_t page_bytes, uint32_t page_limit,
                                          struct vdisk_page_cache **cache,
                                          struct vdisk_error *error);

/* Dirty pages are dropped. NULL is allowed. */
void vdisk_page_cache_destroy(struct vdisk_page_cache *cache);

/*
 * Copies length_bytes at byte_in_page of the page at page_offset_bytes, reading the page from the
 * file when it is not there. byte_in_page and length_bytes are multiples of 4; a copy of up to 8
 * bytes is atomic towards stores, a longer one is word by word. Any thread.
 */
enum vdisk_status vdisk_page_cache_load(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                        uint32_t byte_in_page, void *data, uint32_t length_bytes,
                                        struct vdisk_error *error);

/*
 * Changes bytes of a page, in memory; the page is read first when it is not there. Multiples of 4
 * as above. VDISK_NO_SPACE when every page is dirty: write back, then try again.
 */
enum vdisk_status vdisk_page_cache_store(struct vdisk_page_cache *cache, uint64_t page_offset_bytes,
                                         uint32_t byte_in_page, const void *data,
                                         uint32_t length_bytes, struct vdisk_error *error);

/* Puts a page of zeros (dirty) into the cache without reading the file: a new table. */
enum vdisk_status vdisk_page_cache_store_zero(struct vdisk_page_cache *cache,
                                              uint64_t page_offset_bytes,
                                              struct vdisk_error *error);

/* How many pages wait to be written back. */
uint32_t vdisk_page_cache_dirty_count(struct vdisk_page_cache *cache);
uint32_t vdisk_page_cache_limit(struct vdisk_page_cache *cache);

/* Where a page's bytes go when it is written back. */
typedef enum vdisk_status vdisk_page_sink(void *context, uint64_t page_offset_bytes,
                                          const void *page, uint32_t page_bytes,
                                          struct vdisk_error *error);

/*
 * Hands every dirty page, in the order of offsets, to `sink`, and marks it clean when the sink
 * succeeds. A NULL sink writes to the file. No flush. Same thread rule as stores.
 */
enum vdisk_status vdisk_page_cache_write_back(struct vdisk_page_cache *cache, vdisk_page_sink *sink,
                                              void *context, struct vdisk_error *error);

/* As write_back without marking anything clean: for a log that is written before the pages are. */
enum vdisk_status vdisk_page_cache_visit_dirty(struct vdisk_page_cache *cache,
                                               vdisk_page_sink *sink, void *context,
                                               struct vdisk_error *error);

/* Drops clean and dirty pages of a range of the file (a table that was freed). */
void vdisk_page_cache_forget(struct vdisk_page_cache *cache, uint64_t offset_bytes,
                             uint64_t length_bytes);

#endif
