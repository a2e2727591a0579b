/* Internal snapshots among the operations of a guest, and what must be in them afterwards. */
#ifndef VIRTUALDISK_TESTS_GUEST_SNAPSHOT_H
#define VIRTUALDISK_TESTS_GUEST_SNAPSHOT_H

#include "tests/image/image_fixture.h"

bool guest_has_snapshots(const struct image_variant *variant);

/* Makes, deletes or applies one; notes it in the model, as failed when it fails. */
enum vdisk_status guest_snapshot(struct guest *guest, struct vdisk_error *error);

/*
 * Are the snapshots of the closed image those that the model expects, and do they hold what they
 * must? `next` (or NULL), a model that begins here, gets them. What is wrong is printed.
 */
bool guest_snapshots_hold(struct file_set *set, const struct image_variant *variant,
                          const struct disk_model *model, uint32_t durable, uint32_t issued,
                          struct disk_model *next);

/*
 * Where a change of snapshots was cut short, references may have to be counted again: a writer does
 * so where the image is marked dirty, a repair where it is of version 2, which has no such mark.
 */
bool guest_image_needs_repair(struct file_set *set, const struct image_variant *variant,
                              const struct disk_model *model);

/* Is the closed image free of corruption, when that was done? Leaks are allowed. */
bool guest_image_is_sound(struct file_set *set, const struct image_variant *variant,
                          const struct disk_model *model);

#endif
