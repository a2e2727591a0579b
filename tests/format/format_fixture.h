/* Images in memory, damaged on purpose. A step that must not fail is asserted here. */
#ifndef VIRTUALDISK_TESTS_FORMAT_FIXTURE_H
#define VIRTUALDISK_TESTS_FORMAT_FIXTURE_H

#include "tests/support/cmocka_all.h"
#include "host/memory/file_memory.h"
#include "virtualdisk/image.h"

/* A new image. */
struct vdisk_memory_store *fixture_create(const struct vdisk_create_options *options);
void fixture_expect_no_creation(const struct vdisk_create_options *options, const char *reason);

/* Bytes of the file. */
void fixture_peek(struct vdisk_memory_store *store, uint64_t offset_bytes, void *bytes,
                  size_t length_bytes);
void fixture_poke(struct vdisk_memory_store *store, uint64_t offset_bytes, const void *bytes,
                  size_t length_bytes);
void fixture_set_size(struct vdisk_memory_store *store, uint64_t size_bytes);

/* `format` may be NULL: probed. */
struct vdisk_image *fixture_open(struct vdisk_memory_store *store, const char *format,
                                 bool writable);
void fixture_expect_refusal(struct vdisk_memory_store *store, const char *format,
                            enum vdisk_status status, const char *structure, uint64_t offset_bytes,
                            const char *reason);

/* A session that fills a range with one byte; a byte of the disk. */
void fixture_write(struct vdisk_memory_store *store, const char *format, uint64_t offset_bytes,
                   uint64_t length_bytes, unsigned char value);
void fixture_expect_byte(struct vdisk_memory_store *store, const char *format,
                         uint64_t offset_bytes, unsigned char value);

/* What a check counts, after repairing when that is asked. */
void fixture_expect_findings(struct vdisk_memory_store *store, const char *format, bool repair,
                             uint64_t corruption_count, uint64_t leak_count);

/* How often the file is flushed by one flush after writes to blocks all over the disk. */
uint32_t fixture_count_flushes(const struct vdisk_create_options *options, uint64_t disk_bytes,
                               uint32_t step_bytes);

#endif
