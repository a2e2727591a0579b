/*
 * A volume taken from its file system. Locked, it has no open files, and nobody can open any; then
 * it can be dismounted, and all of it is in the image.
 */
#ifndef VIRTUALDISK_CONTROL_VOLUME_LOCK_H
#define VIRTUALDISK_CONTROL_VOLUME_LOCK_H

#include "device_windows.h"
#include "holder.h"

/* Someone may hold a file for a moment only: a search index, a virus scanner. */
#define VDISK_LOCK_WAIT_MILLI 5000u

struct vdisk_volume_lock {
    const struct vdisk_device *device; /* is working */
    HANDLE volume;                     /* INVALID_HANDLE_VALUE: not held */
    bool in_use;                       /* others have it open: there is no lock */
    struct vdisk_holders holders;      /* they, as far as they are known */
};

/*
 * Tries until `deadline` (vdisk_terminal_milliseconds), at least once. VDISK_EXIT_BUSY, not said,
 * when the volume is in use; what else goes wrong is said. The lock is to be released.
 */
enum vdisk_exit vdisk_volume_lock_take(const struct vdisk_device *device, uint64_t deadline_milli,
                                       struct vdisk_volume_lock *lock);

/* The same for VDISK_LOCK_WAIT_MILLI; says also who has the volume in use. */
enum vdisk_exit vdisk_volume_lock_take_soon(const struct vdisk_device *device,
                                            struct vdisk_volume_lock *lock);

/* Says that the volume is in use, and by whom. */
void vdisk_volume_lock_print_holders(const struct vdisk_volume_lock *lock);

/*
 * Writes everything to the image and dismounts the file system; also when the volume is in use:
 * then what others have open is of no use any more. What goes wrong is said.
 */
enum vdisk_exit vdisk_volume_lock_dismount(const struct vdisk_volume_lock *lock);

/* From here on the volume may be mounted again. Also for a lock that was never taken (zero). */
void vdisk_volume_lock_release(struct vdisk_volume_lock *lock);

#endif
